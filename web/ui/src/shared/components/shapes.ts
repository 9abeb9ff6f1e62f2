/** The outlines of the icons and of the lights, shared by the page and by the map's canvas. */
const circle = (x: number, y: number, r: number): string => `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`

export const SHAPES = {
  back: 'M6 3 2.5 6.5 6 10M2.5 6.5H10a3.5 3.5 0 0 1 0 7H7',
  bell: 'M4 11V7a4 4 0 0 1 8 0v4l1.2 1.5H2.8ZM6.7 14.3h2.6',
  bld: 'M3 14V2.5h7V14M10 6.5h3V14M1.5 14h13M5.5 5.5h2M5.5 8.5h2M5.5 11.5h2',
  book: 'M8 4C6.5 3 4.5 2.8 2 2.8v9.7c2.5 0 4.5.2 6 1.2 1.5-1 3.5-1.2 6-1.2V2.8C11.5 2.8 9.5 3 8 4Zm0 0v9.7',
  cam: `M2 5.5h2.8l1-1.8h4.4l1 1.8H14v7.5H2Z${circle(8, 9, 2.3)}`,
  check: 'm3 8.5 3.2 3.2L13 4.8',
  clock: `${circle(8, 8, 6)}M8 4.6V8l2.4 1.6`,
  cloud: 'M4.5 12.5h7a2.8 2.8 0 0 0 .5-5.55 4.2 4.2 0 0 0-8-.5A3.1 3.1 0 0 0 4.5 12.5Z',
  doc: 'M3.5 1.8h6l3 3v9.4h-9ZM9.5 1.8v3h3M5.8 8h4.4M5.8 11h4.4',
  down: 'm3.5 6 4.5 4.5L12.5 6',
  eye: `M1.5 8S4 3.8 8 3.8 14.5 8 14.5 8 12 12.2 8 12.2 1.5 8 1.5 8Z${circle(8, 8, 1.9)}`,
  heart: 'M8 13.5C4 11 2 9 2 6.6A3.1 3.1 0 0 1 8 5a3.1 3.1 0 0 1 6 1.6C14 9 12 11 8 13.5Z',
  home: 'M2.5 7.5 8 2.8l5.500 4.700V13.500H9.800V9.500H6.200V13.500H2.500Z',
  info: `${circle(8, 8, 6)}M8 7.3V11M8 5v.01`,
  left: 'M10 3.5 5.5 8l4.5 4.5',
  list: 'M5.5 4H14M5.5 8H14M5.5 12H14M2.3 4h.01M2.3 8h.01M2.3 12h.01',
  lock: 'M3 7h10v7H3ZM5 7V5a3 3 0 0 1 6 0v2',
  minus: 'M3 8h10',
  off: 'M5 12.5h6.5a2.8 2.8 0 0 0 .6-5.5 4.2 4.2 0 0 0-6-3.3M4.6 5.6A3.5 3.5 0 0 0 4.5 12.5M2.5 2.5l11 11',
  phone: 'M5.8 2.5H3.5a1 1 0 0 0-1 1.1c.5 5.4 4.5 9.4 9.9 9.9a1 1 0 0 0 1.1-1v-2.3l-2.9-1.2-1.2 1.5c-1.8-.8-3.1-2.1-3.9-3.9l1.5-1.2Z',
  pin: `M8 14.5s5-4.3 5-8a5 5 0 0 0-10 0c0 3.7 5 8 5 8Z${circle(8, 6.5, 1.7)}`,
  plus: 'M8 3v10M3 8h10',
  retry: 'M13 8a5 5 0 1 1-1.500-3.600M13 2.500v2.900h-2.900',
  right: 'm6 3.5 4.500 4.500L6 12.500',
  search: `${circle(7, 7, 4.5)}M10.5 10.5 14 14`,
  target: `${circle(8, 8, 4.2)}M8 1.500v3M8 11.500v3M1.500 8h3M11.500 8h3`,
  user: `${circle(8, 5.2, 2.7)}M2.8 13.8c.5-2.8 2.6-4.3 5.2-4.3s4.7 1.5 5.2 4.3`,
  users: `${circle(6, 5.5, 2.4)}M1.5 13.5c.3-2.6 2-4 4.5-4s4.2 1.4 4.5 4M10.5 3.4a2.4 2.4 0 0 1 0 4.3M12 9.9c1.5.6 2.4 1.9 2.6 3.6`,
  warn: 'M8 2 14.5 13.5h-13ZM8 6.5v3.2M8 11.7v.01',
  x: 'm4 4 8 8M12 4l-8 8',
} as const
export type IconName = keyof typeof SHAPES

/** A light: its filled outline (empty for the rings), the sign inside it, the width of the sign's line, its colour token. */
export interface LightShape {
  fill: string
  sign: string
  width: number
  colour: string
}
export const LIGHTS: Record<'g' | 'y' | 'd' | 'p' | 'n' | 'z', LightShape> = {
  g: { fill: circle(8, 8, 7), sign: 'm4.8 8.3 2.2 2.2 4.2-4.6', width: 1.8, colour: '#1d7a47' },
  y: { fill: 'M8 .9 15.6 14.5H.4Z', sign: 'M8 5.600v4M8 12v.1', width: 1.9, colour: '#b06f00' },
  d: { fill: 'M2.7 1.2h10.6a1.500 1.500 0 0 1 1.500 1.500v10.600a1.500 1.500 0 0 1-1.500 1.500H2.700a1.500 1.500 0 0 1-1.500-1.500V2.700a1.500 1.500 0 0 1 1.500-1.500Z', sign: 'M4.6 8h6.8', width: 2.2, colour: '#c2291e' },
  p: { fill: 'M8 0 16 8l-8 8-8-8Z', sign: 'M6.3 4.7v3.9M6.3 11v.1M9.7 4.7v3.9M9.7 11v.1', width: 1.6, colour: '#6c2b8e' },
  n: { fill: '', sign: circle(8, 8, 6), width: 1.8, colour: '#6b716d' },
  z: { fill: '', sign: `${circle(8, 8, 6.2)}M6.3 5.8v4.4M9.7 5.8v4.4`, width: 1.7, colour: '#6b716d' },
}
