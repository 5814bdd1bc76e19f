// Pictures from outside: chosen, dropped or pasted, made ready for pad and server.

/**
 * The longest side that is sent, in pixels: enough for a digit on a photographed sheet,
 * and even as noise below the 8 MiB that the server takes.
 */
const LONGEST = 1200;

/**
 * Reads any picture that the browser knows, upright as its camera meant it, and writes
 * it as PNG, which the server knows.
 * @param {Blob} file
 * @returns {Promise<{image: ImageBitmap, blob: Blob}>}
 */
async function read(file) {
  const image = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, LONGEST / Math.max(image.width, image.height));
  const width = Math.max(1, Math.round(image.width * scale));
  const height = Math.max(1, Math.round(image.height * scale));
  const sheet = new OffscreenCanvas(width, height);
  sheet.getContext("2d").drawImage(image, 0, 0, width, height);
  return { image, blob: await sheet.convertToBlob({ type: "image/png" }) };
}

/**
 * @param {{button: HTMLElement, input: HTMLInputElement, target: HTMLElement}} parts
 * @param {(image: ImageBitmap, blob: Blob) => void} placed
 * @param {(message: string) => void} failed
 */
export function takePictures({ button, input, target }, placed, failed) {
  const take = async (files) => {
    const file = [...(files ?? [])][0];
    if (!file) return;
    try {
      const { image, blob } = await read(file);
      placed(image, blob);
    } catch {
      failed(`${file.name || "What was pasted"} is no picture that this browser can read.`);
    }
  };

  button.addEventListener("click", () => input.click());
  input.addEventListener("change", async () => {
    await take(input.files);
    // So that the same file can be chosen again.
    input.value = "";
  });

  // The whole page takes a drop, or one beside the pad would leave the page.
  const over = (event) => {
    event.preventDefault();
    target.classList.add("dropping");
  };
  const out = () => target.classList.remove("dropping");
  document.addEventListener("dragover", over);
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) out();
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    out();
    take(event.dataTransfer?.files);
  });
  document.addEventListener("paste", (event) => take(event.clipboardData?.files));
}
