// What would be many calls out of the module, as one. Field names and values, methods and addresses hold no end
// of a line.

// Method, URL and fields of a request, each on a line: names and values in turns.
export function head(request) {
  let text = `${request.method}\n${request.url}`;
  request.headers.forEach((value, name) => {
    text += `\n${name}\n${value}`;
  });
  return text;
}

// An answer: its fields, names and values in turns, an empty line, and the body.
export function answer(status, text) {
  const headers = {};
  let at = 0;
  while (text[at] !== "\n") {
    const middle = text.indexOf("\n", at);
    const end = text.indexOf("\n", middle + 1);
    const name = text.slice(at, middle);
    const value = text.slice(middle + 1, end);
    headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
    at = end + 1;
  }
  // The platform takes no body with 204, not even an empty one.
  return new Response(text.slice(at + 1) || null, { status, headers });
}
