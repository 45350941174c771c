/** One letter per head role: letters, not hues, so that badges read in grey and for everyone. */

const LETTERS: Record<string, string> = {
  "previous token": "P",
  "duplicate token": "D",
  induction: "I",
  "first token": "1",
  self: "S",
  spread: "~",
  mixed: "",
};

/** A head's letter; "mixed" has none, an unknown role its first letter. */
export function roleLetter(badge: string): string {
  return LETTERS[badge] ?? badge.charAt(0).toUpperCase();
}

/** Role names as Python writes them, for people: previous_token becomes "previous token". */
export function roleLabel(name: string): string {
  return name.replace(/_/g, " ");
}

/** The badges that occur, in the order of LETTERS, with how many heads have each. */
export function badgeCounts(badges: readonly (readonly string[])[]): { badge: string; count: number }[] {
  const counts = new Map<string, number>(Object.keys(LETTERS).map((badge) => [badge, 0]));
  for (const badge of badges.flat()) counts.set(badge, (counts.get(badge) ?? 0) + 1);
  return [...counts].filter(([, count]) => count > 0).map(([badge, count]) => ({ badge, count }));
}
