import { mount } from '@vue/test-utils'
import { beforeEach, describe, expect, it } from 'vitest'

import VolunteerRows from '../src/shared/components/VolunteerRows.vue'
import { useWords } from '../src/shared/i18n'
import zh from '../src/shared/i18n/zh-CN.json'

describe('the hours of volunteers', () => {
  beforeEach(() => useWords(zh, 'zh-CN'))

  it('are read row by row, however a sheet separates them', async () => {
    const box = mount(VolunteerRows, { props: { modelValue: [], label: '志愿者各自时长' } })
    await box.find('textarea').setValue('V-0012 2.5\n\nV-0013\t1\n V-0014，3 ')
    expect(box.emitted('update:modelValue')?.at(-1)?.[0]).toEqual([{ number: 'V-0012', hours: 2.5 }, { number: 'V-0013', hours: 1 }, { number: 'V-0014', hours: 3 }])
  })

  it('go along without hours where none can be read, for the service to name the row', async () => {
    const box = mount(VolunteerRows, { props: { modelValue: [], label: '志愿者各自时长' } })
    await box.find('textarea').setValue('V-0012 两小时\nV-0013')
    expect(box.emitted('update:modelValue')?.at(-1)?.[0]).toEqual([{ number: 'V-0012', hours: 0 }, { number: 'V-0013', hours: 0 }])
  })

  it('say what is wrong to whoever listens to the page', () => {
    const box = mount(VolunteerRows, { props: { modelValue: [{ number: 'V-1', hours: 2 }], label: '志愿者各自时长', errorId: 'e1' } })
    expect(box.find('textarea').element.value).toBe('V-1 2')
    expect(box.find('textarea').attributes('aria-describedby')).toContain('e1')
  })
})
