"""What an SAE is worth: reconstruction, sparsity, features, causal use and ground truth, with intervals."""
