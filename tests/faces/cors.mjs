// Calls the API from pages of two origins in a real browser, and prints what each of them could read.
//
//   node cors.mjs CHROMIUM ADDRESS KEY PHOTO LISTED OTHER
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const [executablePath, address, key, photo, listed, other] = process.argv.slice(2);
const bytes = readFileSync(photo).toString("base64");

/** Runs in a page. */
async function call([address, key, bytes]) {
  const body = Uint8Array.from(atob(bytes), (byte) => byte.charCodeAt(0));
  const send = async (headers) => {
    const answer = await fetch(`${address}/v1/background-removal`, { method: "POST", headers, body });
    const told = { status: answer.status, type: answer.headers.get("content-type") };
    for (const name of ["ratelimit", "x-request-id", "www-authenticate"]) told[name] = answer.headers.get(name) !== null;
    if (answer.ok) return { ...told, bytes: (await answer.arrayBuffer()).byteLength };
    return { ...told, code: (await answer.json()).code };
  };
  const read = (headers) => send(headers).catch((error) => ({ error: error.name }));
  const type = { "Content-Type": "image/jpeg" };
  return {
    right: await read({ ...type, "X-API-Key": key }),
    wrong: await read({ ...type, "X-API-Key": "hunter2hunter2hunter2" }),
    none: await read(type),
    // What the gate does not name as a field is not sent at all.
    unlisted: await read({ ...type, "X-API-Key": key, "X-Surprise": "1" }),
    page: await fetch(`${address}/openapi.json`).then((answer) => answer.status, (error) => error.name),
  };
}

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
try {
  const told = {};
  for (const [name, origin] of Object.entries({ listed, other })) {
    const page = await browser.newPage();
    await page.goto(origin);
    told[name] = await page.evaluate(call, [address, key, bytes]);
  }
  console.log(JSON.stringify(told));
} finally {
  await browser.close();
}
