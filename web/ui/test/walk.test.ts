import { beforeEach, describe, expect, it } from 'vitest'

import { dueWords } from '../src/field/day/days'
import type { Deed } from '../src/field/day/deeds'
import type { Patrol } from '../src/field/day/types'
import { minutesOf, nearest, ordered, shiftMinutes, visitedCount, withDeeds } from '../src/field/day/walk'
import { useWords } from '../src/shared/i18n'
import zh from '../src/shared/i18n/zh-CN.json'

beforeEach(() => useWords(zh, 'zh-CN'))

const point = (id: string, lon: number) => ({ id, name: id, lon, lat: 26.6, photo: false, key: false })
const patrol = (changes: Partial<Patrol> = {}): Patrol => ({
  id: 'p', name: '早巡', state: 'planned', worker: 'wang', areas: ['g'], begins_at: '2026-11-23T01:00:00Z', ends_at: '2026-11-23T03:00:00Z',
  closes_at: '2026-11-23T04:00:00Z', points: [point('gate', 106.7), point('pond', 106.71)], visits: [], started_at: null, ended_at: null, track: null, ...changes,
})
const deed = (kind: Deed['kind'], at: string, more: Partial<Deed> = {}): Deed => ({
  key: `${kind}-${at}`, by: 'wang', about: 'patrol/p', kind, title: '', path: '', body: {}, photos: [], at, state: 'waiting', why: '', ...more,
})

describe('a patrol with what waits on the phone', () => {
  it('is begun, visited and ended as it was done, and leaves the patrol itself as it is', () => {
    const before = patrol()
    const shown = withDeeds(before, [deed('start', '2026-11-23T01:05:00Z'), deed('point', '2026-11-23T01:20:00Z', { body: { point: 'pond' } }), deed('end', '2026-11-23T02:05:00Z')])
    expect([shown.state, shown.started_at, shown.ended_at, visitedCount(shown)]).toEqual(['ended', '2026-11-23T01:05:00Z', '2026-11-23T02:05:00Z', 1])
    expect(minutesOf(shown, 0)).toBe(60)
    expect([before.state, before.visits.length]).toEqual(['planned', 0])
  })

  it('shows nothing of what was refused, and nothing twice', () => {
    expect(withDeeds(patrol(), [deed('start', '2026-11-23T01:05:00Z', { state: 'fix' })]).state).toBe('planned')
    const visited = patrol({ visits: [{ point: 'gate', at: '2026-11-23T01:10:00Z', photos: [], distance_m: 3 }] })
    expect(withDeeds(visited, [deed('point', '2026-11-23T01:20:00Z', { body: { point: 'gate' } })]).visits).toHaveLength(1)
  })
})

describe('a patrol', () => {
  it('counts minutes until now while it is walked, never beyond its time', () => {
    const walked = patrol({ state: 'walking', started_at: '2026-11-23T01:00:00Z' })
    expect(minutesOf(walked, Date.parse('2026-11-23T01:30:59Z'))).toBe(30)
    expect(minutesOf(walked, Date.parse('2026-11-24T01:00:00Z'))).toBe(180)
    expect([minutesOf(patrol(), 0), shiftMinutes(patrol())]).toEqual([0, 120])
  })

  it('names the places still to be seen first, the nearest of them first', () => {
    expect(nearest(patrol(), { lon: 106.71, lat: 26.6 }).map((one) => [one.point.id, one.metres])).toEqual([['pond', 0], ['gate', 994]])
    const seen = patrol({ visits: [{ point: 'pond', at: '', photos: [], distance_m: 0 }] })
    expect(nearest(seen, { lon: 106.71, lat: 26.6 }).map((one) => one.point.id)).toEqual(['gate', 'pond'])
    expect(nearest(patrol(), null).map((one) => one.metres)).toEqual([null, null])
  })

  it('that is walked comes before those to come and those that are over', () => {
    const list = [patrol({ id: 'a', state: 'ended' }), patrol({ id: 'b', begins_at: '2026-11-23T08:00:00Z' }), patrol({ id: 'c' }), patrol({ id: 'd', state: 'walking' })]
    expect(ordered(list).map((one) => one.id)).toEqual(['d', 'c', 'b', 'a'])
  })
})

describe('the days of a visit', () => {
  it.each([[3, '超 3 天'], [0, '今天'], [-2, '还有 2 天']])('%i are %s', (over, words) => expect(dueWords(over)).toBe(words))
})
