/** Builds the entries of the front end into dist/, with a manifest for the service; assets carry a hash in their names. */
import { fileURLToPath } from 'node:url'

import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'

const page = (name: string): string => fileURLToPath(new URL(`${name}.html`, import.meta.url))

export default defineConfig({
  plugins: [vue()],
  define: { __VUE_OPTIONS_API__: 'false', __VUE_PROD_DEVTOOLS__: 'false' },
  build: {
    target: 'es2020',
    manifest: true,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rollupOptions: { input: { desk: page('desk'), field: page('field'), public: page('public') } },
  },
  server: { proxy: { '/api': process.env.HEYUN_URL ?? 'http://127.0.0.1:8888' } },
  test: { environment: 'happy-dom', include: ['test/**/*.test.ts'] },
})
