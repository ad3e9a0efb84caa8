// Shows /openapi.json as a page.
"use strict";

const make = (name, text, ...children) => {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
};

let description = {};

/** Follows a reference into the description itself. */
function resolve(value) {
  if (!value || !value.$ref) return value;
  const steps = value.$ref.slice(2).split("/");
  return steps.reduce((at, step) => at[step.replaceAll("~1", "/").replaceAll("~0", "~")], description);
}

function row(...cells) {
  return make("tr", "", ...cells.map((cell) => make("td", cell)));
}

function table(heads, rows) {
  const head = make("tr", "", ...heads.map((text) => make("th", text)));
  return make("table", "", make("thead", "", head), make("tbody", "", ...rows));
}

function kind(schema) {
  if (schema.enum) return schema.enum.join(" | ");
  return [schema.type, schema.format].filter(Boolean).join(", ");
}

function parameters(operation) {
  return (operation.parameters || []).map(resolve).map((parameter) =>
    row(parameter.name, `in the ${parameter.in}`, kind(parameter.schema), parameter.description || ""));
}

function bodies(operation) {
  const rows = [];
  const content = (resolve(operation.requestBody) || {}).content || {};
  for (const [type, { schema }] of Object.entries(content)) {
    const members = Object.entries((resolve(schema) || {}).properties || {});
    if (members.length === 0) rows.push(row("the body", type, kind(resolve(schema) || {}), ""));
    for (const [name, member] of members) {
      rows.push(row(name, type, kind(resolve(member)), resolve(member).description || ""));
    }
  }
  return rows;
}

function answers(operation) {
  return Object.entries(operation.responses).map(([status, answer]) => {
    const { description: text, content } = resolve(answer);
    return row(status, Object.keys(content || {}).join(", "), text);
  });
}

async function show() {
  const answer = await fetch("/openapi.json", { credentials: "omit" });
  description = await answer.json();
  const main = document.getElementById("operations");
  main.append(make("p", description.info.description));
  for (const [path, methods] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      main.append(
        make("h2", "", make("code", `${method.toUpperCase()} ${path}`)),
        make("p", operation.summary),
      );
      const asked = [...parameters(operation), ...bodies(operation)];
      if (asked.length > 0) main.append(table(["Name", "Where", "Kind", ""], asked));
      main.append(table(["Status", "Kind", ""], answers(operation)));
    }
  }
}

show().catch((error) => {
  document.getElementById("operations").textContent = "The description did not come: " + error.message;
});
