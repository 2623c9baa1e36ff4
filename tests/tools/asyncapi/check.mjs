// Usage: node check.mjs <node_modules> <document>...
//
// Checks AsyncAPI documents with AsyncAPI's own parser. Prints what it finds with its place; exits 1 if that includes
// an error. The parser comes from the given directory, so that nothing has to be installed in the work tree.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const SEVERITIES = ["error", "warning", "information", "hint"];

const [modules, ...documents] = process.argv.slice(2);
if (documents.length === 0) {
  console.error("usage: node check.mjs <node_modules> <document>...");
  process.exit(2);
}
const { Parser } = createRequire(pathToFileURL(resolve(modules, "..", "package.json")))("@asyncapi/parser");

function place(diagnostic, path) {
  const source = diagnostic.source?.startsWith("file:") ? fileURLToPath(diagnostic.source) : diagnostic.source ?? path;
  const { line, character } = diagnostic.range.start;
  return `${relative(process.cwd(), source)}:${line + 1}:${character + 1}`;
}

let errors = 0;
for (const document of documents) {
  const path = resolve(document);
  const { diagnostics } = await new Parser().parse(await readFile(path, "utf-8"), { source: path });
  for (const diagnostic of diagnostics) {
    const severity = SEVERITIES[diagnostic.severity];
    errors += severity === "error" ? 1 : 0;
    const where = diagnostic.path.join("/");
    console.log(`${place(diagnostic, path)}: ${severity}: ${diagnostic.message} [${diagnostic.code}] at /${where}`);
  }
}
process.exit(errors === 0 ? 0 : 1);
