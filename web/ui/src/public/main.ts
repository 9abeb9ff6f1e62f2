/** The citizen's page without an account: by a link, or by number and code. */
import '../shared/tokens.css'
import './public.css'

import { createApp } from 'vue'

import App from './App.vue'
import { startLocale } from './words'

startLocale()
createApp(App).mount('#app')
