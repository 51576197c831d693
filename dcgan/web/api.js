// Requests to the server of the page.

/** Ask a route; parameters that are null are left out. Its answer, or an error with what it says. */
async function ask(path, parameters = {}) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null);
  const query = new URLSearchParams(given).toString();
  const response = await fetch(query ? `${path}?${query}` : path);
  if (!response.ok) throw new Error(await response.text());
  return response;
}

export async function askJson(path, parameters) {
  return (await ask(path, parameters)).json();
}

/** Return an image of a route, decoded, as an element. */
export async function askImage(path, parameters) {
  const image = new Image();
  const url = URL.createObjectURL(await (await ask(path, parameters)).blob());
  try {
    image.src = url;
    await image.decode();
  } finally {
    URL.revokeObjectURL(url);
  }
  return image;
}

/** Return numbers as a parameter: base64 of float32, with - and _. */
export function encodeNumbers(numbers) {
  const bytes = new Uint8Array(Float32Array.from(numbers).buffer);
  const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return text.replaceAll("+", "-").replaceAll("/", "_");
}

/**
 * Wrap a function that answers a choice, so that only the answer to the newest choice is shown.
 * @param {(...choice: any[]) => Promise<any>} request
 * @param {(answer: any) => void} show
 * @param {(message: string) => void} report - gets the message of an error, and an empty text before a request.
 */
export function newest(request, show, report) {
  let count = 0;
  return async (...choice) => {
    const own = ++count;
    report("");
    try {
      const answer = await request(...choice);
      if (own === count) show(answer);
    } catch (error) {
      if (own === count) report(error.message);
    }
  };
}
