/** What to do with a message: answer it, refuse it, or give up a client that goes on in spite of refusals. */
export type Verdict = "pass" | "refuse" | "disconnect";

/**
 * Meters messages by a token bucket. Refused messages count too, so that who is refused `burst` times in a row is given up.
 * @param perSecond tokens that are added
 * @param burst tokens that the bucket holds, and the most that it may lack
 * @returns the verdict on a message that came at `now`, milliseconds of a clock that never goes back
 */
export function createMeter(perSecond: number, burst: number, start: number): (now: number) => Verdict {
  let tokens = burst;
  let last = start;
  return (now) => {
    tokens = Math.min(burst, tokens + ((now - last) / 1000) * perSecond) - 1;
    last = now;
    if (tokens >= 0) return "pass";
    return tokens >= -burst ? "refuse" : "disconnect";
  };
}
