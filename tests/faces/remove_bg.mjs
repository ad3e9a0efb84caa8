// Runs the client of remove.bg that npm has, unchanged, and prints what it makes of the answers.
//
//   node --require ./redirect.cjs remove_bg.mjs KEY PHOTO OUTPUT FILE_OUTPUT
//
// It sends files in a way that no proxy can redirect; redirect.cjs does that.
import { readFileSync } from "node:fs";
import client from "remove.bg";

const [apiKey, photo, outputFile, fileOutput] = process.argv.slice(2);
const base64img = readFileSync(photo).toString("base64");
const calls = {
  base64: () => client.removeBackgroundFromImageBase64({ apiKey, base64img, size: "full", crop: true, outputFile }),
  file: () => client.removeBackgroundFromImageFile({ apiKey, path: photo, size: "full", outputFile: fileOutput }),
  url: () => client.removeBackgroundFromImageUrl({ apiKey, url: "http://169.254.169.254/" }),
  wrongKey: () => client.removeBackgroundFromImageBase64({ apiKey: "hunter2hunter2hunter2", base64img }),
  noImage: () => client.removeBackgroundFromImageBase64({ apiKey, base64img: Buffer.from("no image").toString("base64") }),
};
const told = {};
for (const [name, call] of Object.entries(calls)) {
  told[name] = await call().then(
    ({ base64img: _, ...result }) => ({ result }),
    (errors) => ({ errors }),
  );
}
console.log(JSON.stringify(told));
