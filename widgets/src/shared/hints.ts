/** What cannot be done now, said quietly. */

export function kernelHint(kernel: boolean, live: boolean): string {
  if (!kernel) return "Saved page: exploring works, recomputing needs a running kernel.";
  return live ? "" : "No model behind this result: run its cell again to recompute.";
}
