/* Times and shares in words. */

/** Seconds as a clock: 0:03.2, 1:02:03.4. */
export function clock(seconds, digits = 1) {
  const scale = 10 ** digits, whole = Math.max(0, Math.round(seconds * scale));
  const fraction = digits ? "." + String(whole % scale).padStart(digits, "0") : "";
  const s = Math.floor(whole / scale), hours = Math.floor(s / 3600), minutes = Math.floor(s / 60) % 60;
  const tail = String(s % 60).padStart(2, "0") + fraction;
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

/** Seconds as one says them: 8 seconds, 3 minutes. */
export function about(seconds) {
  const one = (count, unit) => `${count} ${unit}${count === 1 ? "" : "s"}`;
  if (seconds < 60) return one(Math.max(1, Math.round(seconds)), "second");
  if (seconds < 5400) return one(Math.round(seconds / 60), "minute");
  return one(Math.round(seconds / 360) / 10, "hour");
}

/** A share as per cent; nothing is a dash. */
export const percent = (share) => (share == null ? "–" : `${Math.round(share * 100)} %`);

/** A number with its sign; nothing is a dash. */
export function signed(value) {
  if (value == null) return "–";
  const size = Math.abs(value).toFixed(2);
  return size === "0.00" ? size : (value < 0 ? "−" : "+") + size;
}
