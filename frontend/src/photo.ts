import { Refusal } from "./carrier";

const LONGEST_SIDE = 2000;
/** Pixels: faces are found well below that. */

const LARGEST = 3_000_000;
/** Characters of the data URI: what the server takes. */

/** A photo from this device as a `data:` URI, upright, no larger than the server takes and without its metadata. */
export async function smallPhoto(file: File): Promise<string> {
  const image = await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => {
    throw new Refusal(`${file.name} cannot be read here; choose a JPEG, PNG or WebP picture.`);
  });
  const scale = Math.min(1, LONGEST_SIDE / Math.max(image.width, image.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(image.width * scale);
  canvas.height = Math.round(image.height * scale);
  const paint = canvas.getContext("2d");
  if (!paint) throw new Refusal("This browser cannot scale pictures.");
  paint.fillStyle = "white"; // under what is transparent: JPEG would make it black
  paint.fillRect(0, 0, canvas.width, canvas.height);
  paint.drawImage(image, 0, 0, canvas.width, canvas.height);
  image.close();
  for (const quality of [0.92, 0.85, 0.75, 0.6]) {
    const uri = canvas.toDataURL("image/jpeg", quality);
    if (uri.length < LARGEST) return uri;
  }
  throw new Refusal(`${file.name} stays too large to send; choose a smaller picture.`);
}
