// The page to drop a photo on. What comes back from the API is shown as text or as a picture, never as markup.
"use strict";

const element = (id) => document.getElementById(id);
let pictureUrl = null;
let running = null;

element("drop").addEventListener("click", () => element("file").click());
element("drop").addEventListener("keydown", (event) => {
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    element("file").click();
  }
});
element("file").addEventListener("change", (event) => {
  if (event.target.files.length > 0) send(event.target.files[0]);
  event.target.value = "";
});
// A photo that misses the field must not replace the page, and the key with it.
for (const name of ["dragover", "drop"]) {
  document.addEventListener(name, (event) => event.preventDefault());
}
element("drop").addEventListener("dragover", () => element("drop").classList.add("over"));
element("drop").addEventListener("dragleave", () => element("drop").classList.remove("over"));
element("drop").addEventListener("drop", (event) => {
  element("drop").classList.remove("over");
  const files = event.dataTransfer ? event.dataTransfer.files : [];
  if (files.length > 0) send(files[0]);
});

async function send(file) {
  const key = element("key").value.trim();
  if (key === "") {
    tell("Type your API key first.", true);
    element("key").focus();
    return;
  }
  if (running) running.abort();
  const mine = new AbortController();
  running = mine;
  element("result").hidden = true;
  tell("Working …", false);
  const task = document.querySelector("input[name=task]:checked").value;
  const form = new FormData();
  // What the photo is called is nobody's business but the page's.
  form.append("file", file, "photo");
  if (task !== "text") form.append("output", task);
  try {
    const answer = await fetch(task === "text" ? "/v1/ocr" : "/v1/background-removal", {
      method: "POST",
      headers: { "X-API-Key": key },
      body: form,
      signal: mine.signal,
      credentials: "omit",
      cache: "no-store",
    });
    if (!answer.ok) {
      tell(await reason(answer), true);
    } else if (task === "text") {
      await showTexts(file, await answer.json());
    } else {
      await showPicture(file, await answer.blob());
      element("save").href = pictureUrl;
      element("save").download = `${task}.png`;
      element("save").hidden = false;
    }
  } catch (error) {
    if (!mine.signal.aborted) tell("The answer did not come: " + error.message, true);
  }
}

/** What a problem says; a proxy in between may answer with something else. */
async function reason(answer) {
  try {
    const problem = await answer.json();
    return `${problem.detail} (${problem.code})`;
  } catch {
    return `The server answered ${answer.status}.`;
  }
}

async function showPicture(file, blob) {
  if (pictureUrl) URL.revokeObjectURL(pictureUrl);
  pictureUrl = URL.createObjectURL(blob);
  const picture = element("picture");
  picture.src = pictureUrl;
  await picture.decode();
  element("boxes").hidden = true;
  element("texts").replaceChildren();
  element("save").hidden = true;
  element("name").textContent = file.name;
  element("result").hidden = false;
  tell("", false);
}

async function showTexts(file, read) {
  await showPicture(file, file);
  const picture = element("picture");
  const canvas = element("boxes");
  canvas.width = picture.naturalWidth;
  canvas.height = picture.naturalHeight;
  canvas.hidden = false;
  const pen = canvas.getContext("2d");
  pen.strokeStyle = "crimson";
  pen.lineWidth = Math.max(2, canvas.width / 400);
  for (const line of read.lines) {
    pen.beginPath();
    for (const [x, y] of line.box) pen.lineTo(x, y);
    pen.closePath();
    pen.stroke();
    const item = document.createElement("li");
    item.textContent = line.text;
    element("texts").append(item);
  }
  if (read.lines.length === 0) tell("There is no text in it.", false);
}

function tell(text, bad) {
  element("status").textContent = text;
  element("status").classList.toggle("bad", bad);
}
