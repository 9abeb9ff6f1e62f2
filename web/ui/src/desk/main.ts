/** The desk: operators, clerks, dispatchers. One page, one lazy screen each. */
import '../shared/tokens.css'
import '../shared/app.css'
import './desk.css'

import { createApp } from 'vue'

import { startLocale } from '../shared/i18n'
import App from './App.vue'

void startLocale().then(() => createApp(App).mount('#app'))
