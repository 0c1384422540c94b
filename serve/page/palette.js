/* One colour per compound, the same in ribbon, rows and boxes; nothing is told by colour alone. */

/** Colours that people who see few colours tell apart (Okabe and Ito, 2008), then Paul Tol's muted ones. */
const COLOURS = [
  "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7",
  "#332288", "#88CCEE", "#44AA99", "#117733", "#999933", "#DDCC77", "#CC6677", "#882255", "#AA4499",
];

export const colour = (number) => COLOURS[number % COLOURS.length];

/** Black or white, whichever reads better on a colour. */
export function ink(background) {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const share = parseInt(background.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  const light = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return (light + 0.05) / 0.05 > 1.05 / (light + 0.05) ? "#000000" : "#ffffff";
}

/** The colours of the page as it stands, light or dark, for canvases. */
export function theme() {
  const given = getComputedStyle(document.documentElement);
  const read = (name) => given.getPropertyValue(`--${name}`).trim();
  return Object.fromEntries(["ink", "faint", "line", "paper", "quiet", "accent", "hatch"].map((n) => [n, read(n)]));
}
