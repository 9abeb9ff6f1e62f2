/** The lights and clusters of the map, drawn once on canvases with the same outlines as in the page. */
import { LIGHTS } from '../components/shapes'
import { lightClass } from '../words'

const made = new Map<string, HTMLCanvasElement>()
const DENSITY = 2

function canvas(key: string, width: number, height: number, draw: (context: CanvasRenderingContext2D) => void): HTMLCanvasElement {
  const known = made.get(key)
  if (known) return known
  const element = document.createElement('canvas')
  element.width = width * DENSITY
  element.height = height * DENSITY
  const context = element.getContext('2d')
  if (context) {
    context.scale(DENSITY, DENSITY)
    draw(context)
  }
  made.set(key, element)
  return element
}

function light(context: CanvasRenderingContext2D, name: string, x: number, y: number, size: number): void {
  const shape = LIGHTS[lightClass(name)]
  context.save()
  context.translate(x, y)
  context.scale(size / 16, size / 16)
  context.lineCap = 'round'
  context.lineJoin = 'round'
  if (shape.fill) {
    const fill = new Path2D(shape.fill)
    context.lineWidth = 3
    context.strokeStyle = '#fff'
    context.stroke(fill)
    context.fillStyle = shape.colour
    context.fill(fill)
  }
  context.lineWidth = shape.width
  context.strokeStyle = shape.fill ? '#fff' : shape.colour
  context.stroke(new Path2D(shape.sign))
  context.restore()
}

/** One case: its light; an emergency stands in a black octagon. */
export function caseIcon(name: string, emergency: boolean, chosen: boolean): HTMLCanvasElement {
  return canvas(`case:${name}:${emergency}:${chosen}`, 36, 36, (context) => {
    if (chosen) {
      context.beginPath()
      context.arc(18, 18, 15, 0, 2 * Math.PI)
      context.fillStyle = 'rgba(255,255,255,.85)'
      context.fill()
      context.lineWidth = 2.5
      context.strokeStyle = '#1b4472'
      context.stroke()
    }
    if (emergency) {
      const cut = new Path2D('M13 6h10l7 7v10l-7 7H13l-7-7V13Z')
      context.fillStyle = '#1b211f'
      context.fill(cut)
    }
    light(context, name, 10, 10, 16)
  })
}

/** Several cases: the worst light and the count in a white capsule. */
export function clusterIcon(name: string, count: number): HTMLCanvasElement {
  const text = count > 999 ? '999+' : String(count)
  const width = 30 + text.length * 8
  return canvas(`cluster:${name}:${text}`, width + 2, 26, (context) => {
    context.beginPath()
    context.roundRect(1, 1, width, 24, 12)
    context.fillStyle = '#fff'
    context.fill()
    context.strokeStyle = '#454c49'
    context.stroke()
    light(context, name, 6, 6, 14)
    context.fillStyle = '#1b211f'
    context.font = '700 13px "PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif'
    context.textBaseline = 'middle'
    context.fillText(text, 24, 13.5)
  })
}

/** The pin of a chosen place. */
export function pinIcon(): HTMLCanvasElement {
  return canvas('pin', 36, 44, (context) => {
    const pin = new Path2D('M18 3c-9 0-16 7-16 16 0 12 16 24 16 24s16-12 16-24c0-9-7-16-16-16Z')
    context.fillStyle = '#1b4472'
    context.fill(pin)
    context.lineWidth = 2
    context.strokeStyle = '#fff'
    context.stroke(pin)
    context.beginPath()
    context.arc(18, 19, 5.5, 0, 2 * Math.PI)
    context.fillStyle = '#fff'
    context.fill()
  })
}
