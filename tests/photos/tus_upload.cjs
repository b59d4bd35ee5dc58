// Uploads a file by tus-js-client, and prints what it did: node tus_upload.cjs SETTINGS (JSON)
// `abort_at`: breaks off when so many bytes were taken in; the next run goes on from the stored address.
const tus = require("tus-js-client")
const fs = require("node:fs")

const settings = JSON.parse(process.argv[2])
const requests = []
const upload = new tus.Upload(fs.createReadStream(settings.file), {
  endpoint: settings.endpoint,
  headers: settings.headers,
  chunkSize: settings.chunk_size,
  uploadSize: fs.statSync(settings.file).size,
  retryDelays: [0, 100, 200],
  metadata: { filename: "现场.jpg" },
  urlStorage: new tus.FileUrlStorage(settings.storage),
  storeFingerprintForResuming: true,
  fingerprint: async () => "the photo",
  uploadDataDuringCreation: settings.at_once || false,
  onAfterResponse(request, response) {
    requests.push(`${request.getMethod()} ${response.getStatus()} ${response.getHeader("Upload-Offset") || ""}`.trim())
  },
  onChunkComplete(_, taken) {
    if (settings.abort_at && taken >= settings.abort_at) {
      upload.abort().then(() => told("aborted"))
    }
  },
  onSuccess: () => told("done"),
  onError: (error) => told(`failed: ${error.message}`),
})

function told(how) {
  console.log(JSON.stringify({ how, url: upload.url, requests }))
  process.exit(0)
}

upload.findPreviousUploads().then((earlier) => {
  if (earlier.length) upload.resumeFromPreviousUpload(earlier[0])
  upload.start()
})
