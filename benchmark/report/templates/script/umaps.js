// UMAPs: one cell type in its colour and all others grey, in every picture of the datasets that have it.
import { all, element } from "./data.js";
import { form } from "./filter.js";

const umapSources = new Map(all(".umaps img[data-by=type]").map((picture) => [picture, picture.src]));
let lit = "";

async function colourOnly(picture, colour, type) {
  const whole = element("img", { src: umapSources.get(picture) }), canvas = element("canvas", { width: 240, height: 240 });
  await whole.decode();
  const pen = canvas.getContext("2d"), kept = [1, 3, 5].map((start) => Number.parseInt(colour.slice(start, start + 2), 16));
  pen.drawImage(whole, 0, 0);
  const dots = pen.getImageData(0, 0, 240, 240);
  for (let i = 0; i < dots.data.length; i += 4) {
    if (dots.data[i + 3] && kept.some((level, part) => dots.data[i + part] !== level)) dots.data.set([128, 128, 128, 70], i);
  }
  pen.putImageData(dots, 0, 0);
  if (lit === type) picture.src = canvas.toDataURL();
}

export function highlight() {
  const type = form.elements.lit?.value || "";
  if (type === lit) return;
  lit = type;
  for (const part of all("#datasets details.part")) {
    const key = all("[data-type]", part).find((each) => each.dataset.type === type);
    for (const each of all("[data-type]", part)) each.classList.toggle("lit", each === key);
    const show = (picture) => (key ? colourOnly(picture, key.dataset.colour, type) : (picture.src = umapSources.get(picture)));
    all("img[data-by=type]", part).forEach(show);
  }
}

document.addEventListener("click", (event) => {
  const key = event.target.closest("[data-type]");
  if (!key) return;
  form.elements.lit.value = key.dataset.type === lit ? "" : key.dataset.type;
  form.elements.lit.dispatchEvent(new Event("input", { bubbles: true }));
});
