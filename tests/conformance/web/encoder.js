// The SDK's Opus encoder runs in a worker that loads its parts from a host of the vendor. This one loads them from the page's own.
const VENDOR = 'https://symbl-sdk-cdn-bucket.storage.googleapis.com/js/ga/symbl-opus-encdec/0.1.2/dist/';
const load = self.importScripts.bind(self);
const own = `${self.location.origin}/encoder/`;

self.importScripts = (...urls) => load(...urls.map((url) => url.replace(VENDOR, own)));
self.importScripts(`${own}encoderWorker.min.js`);
