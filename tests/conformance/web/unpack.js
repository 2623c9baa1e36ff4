'use strict';
// Unpacks the Chromium that comes from npm, for machines without one.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { pipeline } = require('node:stream/promises');
const zlib = require('node:zlib');

/** The executable and what its environment needs; unpacked once into the folder of the installation. */
async function unpackChromium(installed) {
  const folder = path.join(installed, 'chromium');
  const packed = path.join(installed, 'node_modules', '@sparticuz', 'chromium', 'bin');
  if (!fs.existsSync(folder)) {
    const scratch = fs.mkdtempSync(`${folder}.`);
    try {
      const expand = (from, to) => pipeline(
        fs.createReadStream(path.join(packed, from)), zlib.createBrotliDecompress(), fs.createWriteStream(path.join(scratch, to), { mode: 0o755 }));
      await Promise.all([expand('chromium.br', 'chromium'), expand('al2023.tar.br', 'libraries.tar')]);
      execFileSync('tar', ['-xf', path.join(scratch, 'libraries.tar'), '-C', scratch]);
      fs.rmSync(path.join(scratch, 'libraries.tar'));
      fs.renameSync(scratch, folder);
    } catch (error) {
      fs.rmSync(scratch, { recursive: true, force: true });
      // Somebody else was faster: theirs is as complete as ours.
      if (!fs.existsSync(folder)) throw error;
    }
  }
  const executable = path.join(folder, 'chromium');
  const env = { ...process.env };
  // The libraries that it brings are for machines that have none of a browser.
  if (execFileSync('ldd', [executable], { encoding: 'utf8' }).includes('not found')) {
    env.LD_LIBRARY_PATH = path.join(folder, 'lib');
  }
  return { executable, env };
}

module.exports = { unpackChromium };
