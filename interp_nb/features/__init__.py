"""Feature dashboards: what the latents of an SAE fire on, seen, exported, labelled, scored and versioned."""
