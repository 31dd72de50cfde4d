/** Figures as people read them. */

export function similarity(value: number | null): string {
  return value === null ? "no face" : value.toFixed(2);
}

export function second(value: number): string {
  return `${value.toFixed(1)} s`;
}

export function percent(value: number): string {
  return `${Math.round(100 * value)} %`;
}

/** A length of time, roughly: an estimate is no more. */
export function about(seconds: number): string {
  if (seconds < 90) return `about ${Math.max(5, 5 * Math.round(seconds / 5))} s`;
  if (seconds < 5400) return `about ${Math.round(seconds / 60)} min`;
  return `about ${(seconds / 3600).toFixed(1)} h`;
}
