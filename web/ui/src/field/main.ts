/** The grid worker's phone app. */
import '../shared/tokens.css'
import '../shared/app.css'
import './field.css'

import { createApp } from 'vue'

import { startLocale } from '../shared/i18n'
import App from './App.vue'

void startLocale().then(() => createApp(App).mount('#app'))
