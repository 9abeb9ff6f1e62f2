// After the build: a .gz beside every text file, and the budgets (KiB of gzip that a first visit loads). Over budget fails the build.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { gzipSync } from 'node:zlib'

const DIST = new URL('../dist/', import.meta.url).pathname
const TEXT = new Set(['.js', '.css', '.html', '.json', '.svg'])
const BUDGETS = { 'field.html': [110, 40], 'desk.html': [220, 40], 'public.html': [48, 12], map: [120, 10] }

const files = (folder) =>
  readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    return statSync(path).isDirectory() ? files(path) : [path]
  })

const sizes = new Map()
for (const path of files(DIST)) {
  if (!TEXT.has(extname(path))) continue
  const packed = gzipSync(readFileSync(path), { level: 9 })
  writeFileSync(`${path}.gz`, packed)
  sizes.set(path.slice(DIST.length), packed.length / 1024)
}

const manifest = JSON.parse(readFileSync(join(DIST, '.vite/manifest.json'), 'utf8'))

/** Everything that the chunk loads at once: itself, its static imports, their style sheets. */
function load(name, seen = new Set()) {
  if (seen.has(name)) return { js: 0, css: 0 }
  seen.add(name)
  const chunk = manifest[name]
  const total = { js: sizes.get(chunk.file) ?? 0, css: 0 }
  for (const sheet of chunk.css ?? []) {
    if (seen.has(sheet)) continue
    seen.add(sheet)
    total.css += sizes.get(sheet) ?? 0
  }
  for (const other of chunk.imports ?? []) {
    const part = load(other, seen)
    total.js += part.js
    total.css += part.css
  }
  return total
}

/** The heaviest first visit to a page: its shell and its largest lazy route, without the map, which has its own budget. */
function heaviest(entry) {
  const seen = new Set()
  const shell = load(entry, seen)
  const routes = (manifest[entry].dynamicImports ?? []).filter((name) => !name.includes('/map/'))
  const parts = routes.map((name) => load(name, new Set(seen)))
  return { js: shell.js + Math.max(0, ...parts.map((part) => part.js)), css: shell.css + Math.max(0, ...parts.map((part) => part.css)) }
}

/** A lazy chunk by itself: what it adds to a page that is loaded already. */
function alone(name) {
  return { js: sizes.get(manifest[name].file), css: 0 }
}

let failed = false
for (const [name, [js, css]] of Object.entries(BUDGETS)) {
  const got = name === 'map' ? alone('src/shared/map/city.ts') : heaviest(name)
  const over = got.js > js || got.css > css
  failed ||= over
  console.log(`${over ? 'OVER' : 'ok  '} ${name}: ${got.js.toFixed(1)} of ${js} KiB script, ${got.css.toFixed(1)} of ${css} KiB style`)
}
process.exit(failed ? 1 : 0)
