/** The days of a year as the calendar shows them: months in weeks from Monday, each day with its kind. Pure. */

export type DayKind = 'workday' | 'holiday' | 'weekend'
export interface ListedDay {
  date: string
  kind: DayKind
  name: string
  source: string
}
export interface Day {
  date: string
  number: number
  kind: DayKind
  listed: ListedDay | null
  /** Worked on a Saturday or Sunday. */
  makeup: boolean
  /** Not worked though it is Monday to Friday. */
  off: boolean
}
export interface Month {
  number: number
  weeks: (Day | null)[][]
}

const two = (value: number): string => String(value).padStart(2, '0')
const weekday = (date: string): number => (new Date(`${date}T00:00Z`).getUTCDay() + 6) % 7 // Monday 0

export function dayOf(date: string, listed: ListedDay | null): Day {
  const works = weekday(date) < 5
  const kind = listed?.kind ?? (works ? 'workday' : 'weekend')
  return { date, number: Number(date.slice(8)), kind, listed, makeup: !works && kind === 'workday', off: works && kind !== 'workday' }
}

/** The months of a year; a week begins on Monday, days of other months are null. */
export function monthsOf(year: number, listed: readonly ListedDay[]): Month[] {
  const known = new Map(listed.map((one) => [one.date, one]))
  return Array.from({ length: 12 }, (_, month) => {
    const count = new Date(Date.UTC(year, month + 1, 0)).getUTCDate()
    const dates = Array.from({ length: count }, (__, at) => `${year}-${two(month + 1)}-${two(at + 1)}`)
    const cells: (Day | null)[] = [...Array<null>(weekday(dates[0]!)).fill(null), ...dates.map((date) => dayOf(date, known.get(date) ?? null))]
    while (cells.length % 7) cells.push(null)
    return { number: month + 1, weeks: Array.from({ length: cells.length / 7 }, (__, row) => cells.slice(row * 7, row * 7 + 7)) }
  })
}

/** The date some days later, in the same year or not at all. */
export function moved(date: string, days: number): string | null {
  const at = new Date(`${date}T00:00Z`)
  at.setUTCDate(at.getUTCDate() + days)
  const to = at.toISOString().slice(0, 10)
  return to.slice(0, 4) === date.slice(0, 4) ? to : null
}

/** How many days of a year are worked. */
export function workdaysOf(months: readonly Month[]): number {
  return months.flatMap((month) => month.weeks.flat()).filter((day) => day?.kind === 'workday').length
}
