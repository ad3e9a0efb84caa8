// Uses the pages in a real browser, and prints what it saw.
//
//   node browser.mjs CHROMIUM ADDRESS KEY PHOTO PAGE
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const [executablePath, address, key, photo, text] = process.argv.slice(2);
// What would do harm, if it were ever taken for markup.
const name = `<img src=x onerror="document.title='harmed'">.jpg`;

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
try {
  const page = await browser.newPage();
  const saw = { requests: [], complaints: [] };
  page.on("request", (request) => saw.requests.push(request.url()));
  page.on("console", (message) => message.type() === "error" && saw.complaints.push(message.text()));
  page.on("pageerror", (error) => saw.complaints.push(String(error)));

  await page.goto(address);
  const drop = (bytes, type = "image/jpeg") => page.evaluate(([bytes, name, type]) => {
    const photo = new File([Uint8Array.from(atob(bytes), (byte) => byte.charCodeAt(0))], name, { type });
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(photo);
    document.getElementById("drop").dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
  }, [bytes.toString("base64"), name, type]);
  const status = () => page.textContent("#status");

  await drop(readFileSync(photo));
  saw.withoutKey = await status();
  await page.fill("#key", key);
  await drop(Buffer.from("no image at all"));
  await page.waitForSelector("#status.bad");
  await page.waitForFunction(() => document.getElementById("status").textContent.includes("("));
  saw.noImage = await status();
  await drop(readFileSync(photo));
  await page.waitForSelector("#result:not([hidden])", { timeout: 60_000 });
  saw.name = await page.textContent("#name");
  saw.markup = await page.locator("#result img").count();
  saw.title = await page.title();
  saw.picture = await page.evaluate(async () => {
    const picture = document.getElementById("picture");
    const canvas = Object.assign(document.createElement("canvas"), { width: picture.naturalWidth, height: picture.naturalHeight });
    const pen = canvas.getContext("2d");
    pen.drawImage(picture, 0, 0);
    const alpha = (x, y) => pen.getImageData(x, y, 1, 1).data[3];
    return {
      width: canvas.width, height: canvas.height, source: picture.src.split(":")[0],
      middle: alpha(canvas.width >> 1, canvas.height >> 1), corner: alpha(3, 3),
    };
  });
  await page.check("input[value=mask]");
  await drop(readFileSync(photo));
  await page.waitForFunction(() => document.getElementById("save").download === "mask.png", null, { timeout: 60_000 });
  saw.mask = await page.evaluate(() => {
    const picture = document.getElementById("picture");
    const canvas = Object.assign(document.createElement("canvas"), { width: picture.naturalWidth, height: picture.naturalHeight });
    const pen = canvas.getContext("2d");
    pen.drawImage(picture, 0, 0);
    const value = (x, y) => [...pen.getImageData(x, y, 1, 1).data];
    return { middle: value(canvas.width >> 1, canvas.height >> 1), corner: value(3, 3) };
  });

  // What a page says is text as well, and its boxes are drawn where it stands.
  await page.check("input[value=text]");
  await drop(readFileSync(text), "image/png");
  await page.waitForSelector("#texts li", { timeout: 60_000 });
  saw.texts = await page.locator("#texts li").allTextContents();
  saw.markupOfTexts = await page.locator("#texts li *").count();
  saw.boxes = await page.evaluate(() => {
    const [canvas, picture] = ["boxes", "picture"].map((id) => document.getElementById(id));
    const [over, under] = [canvas, picture].map((element) => element.getBoundingClientRect());
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    const drawn = (y) => {
      let columns = 0;
      for (let x = 0; x < canvas.width; x++) columns += pixels[(y * canvas.width + x) * 4 + 3] > 200;
      return columns;
    };
    const rows = [...Array(canvas.height).keys()].filter((y) => drawn(y) > canvas.width / 8);
    const apart = ["left", "top", "width", "height"].map((side) => Math.abs(over[side] - under[side]));
    return { width: canvas.width, height: canvas.height, rows, apart: Math.max(...apart), hidden: canvas.hidden };
  });
  saw.saveOfTexts = await page.locator("#save").isVisible();

  saw.stored = await page.evaluate(() => [localStorage.length, sessionStorage.length, document.cookie]);
  saw.checkerboard = await page.evaluate(() => getComputedStyle(document.getElementById("frame")).backgroundImage);
  // What somebody smuggles into the page does not run, and reaches nobody else.
  saw.smuggled = await page.evaluate(async () => {
    const script = document.createElement("script");
    script.textContent = "document.title = 'harmed'";
    document.body.append(script);
    const elsewhere = await fetch("http://localhost:1/").then(() => "reached", () => "refused");
    return { title: document.title, elsewhere };
  });
  saw.requests = saw.requests.filter((url) => !url.startsWith("http://localhost:1/"));
  saw.complaints = saw.complaints.filter((text) => !/Content Security Policy|localhost:1|status of 4/.test(text));

  await page.goto(`${address}/docs`);
  await page.waitForSelector("h2");
  saw.operations = await page.locator("h2 code").allTextContents();
  console.log(JSON.stringify(saw));
} finally {
  await browser.close();
}
