/** The map of the city: our own vector tiles, cases, a pin. The only module that knows OpenLayers; loaded when a map opens. */
import Feature from 'ol/Feature'
import type { FeatureLike } from 'ol/Feature'
import MVT from 'ol/format/MVT'
import { Circle as CircleGeometry, Point } from 'ol/geom'
import VectorLayer from 'ol/layer/Vector'
import VectorTileLayer from 'ol/layer/VectorTile'
import OlMap from 'ol/Map'
import { fromLonLat, toLonLat, transformExtent } from 'ol/proj'
import VectorSource from 'ol/source/Vector'
import VectorTileSource from 'ol/source/VectorTile'
import { Circle, Fill, Icon, Stroke, Style, Text } from 'ol/style'
import View from 'ol/View'

import { locale } from '../i18n'
import type { City, MapCluster, MapPoint } from '../types'
import { gather } from './gather'
import { caseIcon, clusterIcon, pinIcon } from './icons'

export interface Position {
  lon: number
  lat: number
}
export interface Bounds {
  bbox: string
  zoom: number
}

const FONT = '"PingFang SC","Microsoft YaHei","Noto Sans CJK SC","Source Han Sans SC",sans-serif'
const OUTLINES: Record<string, { colour: string; width: number; fill?: string; from: number }> = {
  grid: { colour: '#e2dfd6', width: 0.7, from: 13 },
  community: { colour: '#d3cfc4', width: 0.9, from: 12 },
  township: { colour: '#b5b0a2', width: 1.1, from: 9 },
  district: { colour: '#8d897c', width: 1.6, fill: '#fbfaf7', from: 0 },
}
const ORDER = ['grid', 'community', 'township', 'district']
const LABEL_FROM: Record<string, number> = { district: 0, township: 10.6, community: 13.6, grid: 15.2 }

function labelStyle(feature: FeatureLike, zoom: number): Style | undefined {
  const level = String(feature.get('level') ?? 'district')
  if (zoom < (LABEL_FROM[level] ?? 15) || (level === 'district' && zoom > 13)) return undefined
  const name = String((locale.value === 'en' && feature.get('name_en')) || feature.get('name') || '')
  const big = level === 'district'
  return new Style({
    text: new Text({
      text: big && locale.value !== 'en' ? [...name].join(' ') : name,
      font: `${big ? '700 14px' : '400 11px'} ${FONT}`,
      fill: new Fill({ color: big ? '#40453f' : '#5d615c' }),
      stroke: new Stroke({ color: '#fbfaf7', width: 3 }),
      overflow: true,
    }),
    zIndex: big ? 20 : 10,
  })
}

/** Fills lie under all lines; wider areas' lines lie over narrower ones'. */
const outlines = Object.fromEntries(
  Object.entries(OUTLINES).map(([name, line]) => [
    name,
    [
      ...(line.fill ? [new Style({ fill: new Fill({ color: line.fill }), zIndex: 0 })] : []),
      new Style({ stroke: new Stroke({ color: line.colour, width: line.width }), zIndex: 1 + ORDER.indexOf(name) }),
    ],
  ]),
)

function tiles(): VectorTileLayer {
  return new VectorTileLayer({
    declutter: true,
    background: '#e9e7e0',
    source: new VectorTileSource({ format: new MVT(), url: '/api/v1/tiles/{z}/{x}/{y}.mvt', minZoom: 6, maxZoom: 16 }),
    style: (feature, resolution) => {
      const zoom = Math.log2(156543.03392804097 / resolution)
      const layer = String(feature.get('layer'))
      if (layer === 'label') return labelStyle(feature, zoom)
      return zoom >= (OUTLINES[layer]?.from ?? 99) ? outlines[layer] : undefined
    },
  })
}

function iconStyle(img: HTMLCanvasElement, zIndex: number, anchor: [number, number] = [0.5, 0.5]): Style {
  return new Style({ image: new Icon({ img, scale: 0.5, anchor }), zIndex })
}

const GATHER_PX = 40
const SEVERITY = ['none', 'green', 'yellow', 'red', 'deep_red']

export class CityMap {
  private readonly map: OlMap
  private readonly cases = new VectorSource()
  private readonly marks = new VectorSource()
  private chosen = ''
  private shown: { items: readonly MapPoint[]; clusters: readonly MapCluster[] } = { items: [], clusters: [] }

  constructor(target: HTMLElement, city: City, from?: Position & { zoom?: number }) {
    const extent = transformExtent(city.bbox, 'EPSG:4326', 'EPSG:3857')
    const centre = Array.isArray(city.centre) ? city.centre : [city.centre.lon, city.centre.lat]
    this.map = new OlMap({
      target,
      controls: [],
      layers: [tiles(), new VectorLayer({ source: this.cases, style: (feature) => this.caseStyle(feature) }), new VectorLayer({ source: this.marks })],
      view: new View({ center: fromLonLat(from ? [from.lon, from.lat] : centre), zoom: from?.zoom ?? (from ? 15 : 11), minZoom: 7, maxZoom: 19, extent, constrainOnlyCenter: true }),
    })
  }

  private caseStyle(feature: FeatureLike): Style {
    const count = Number(feature.get('count') ?? 0)
    const light = String(feature.get('light'))
    if (count > 1) return iconStyle(clusterIcon(light, count), 100 + SEVERITY.indexOf(light))
    const chosen = feature.get('id') === this.chosen
    const emergency = feature.get('urgency') === 'emergency'
    return iconStyle(caseIcon(light, emergency, chosen), chosen ? 300 : emergency ? 250 : 150 + SEVERITY.indexOf(light))
  }

  /** Show these cases and clusters in place of the ones before. */
  showCases(items: readonly MapPoint[], clusters: readonly MapCluster[]): void {
    this.shown = { items, clusters }
    const resolution = this.map.getView().getResolution() ?? 0
    ;({ items, clusters } = gather(items, clusters, (resolution * GATHER_PX) / 111_320, this.chosen))
    const features = items.map((item) => new Feature({ geometry: new Point(fromLonLat([item.lon, item.lat])), ...item }))
    const groups = clusters.map((item) => new Feature({ geometry: new Point(fromLonLat([item.lon, item.lat])), count: item.count, light: item.worst }))
    this.cases.clear(true)
    this.cases.addFeatures([...features, ...groups])
  }

  /** Ring the case and, with a position, bring it into view. */
  choose(id: string, at?: Position | null): void {
    this.chosen = id
    this.showCases(this.shown.items, this.shown.clusters)
    if (at) this.goTo(at, Math.max(this.map.getView().getZoom() ?? 0, 13))
  }

  goTo(at: Position, zoom?: number): void {
    this.map.getView().animate({ center: fromLonLat([at.lon, at.lat]), zoom: zoom ?? this.map.getView().getZoom(), duration: 200 })
  }

  zoomBy(step: number): void {
    const view = this.map.getView()
    view.animate({ zoom: (view.getZoom() ?? 11) + step, duration: 120 })
  }

  /** Put the pin (and the circle of its accuracy in metres) at a place; null takes it away. */
  pin(at: Position | null, accuracy?: number | null): void {
    this.marks.clear(true)
    if (!at) return
    const centre = fromLonLat([at.lon, at.lat])
    if (accuracy) {
      const circle = new Feature(new CircleGeometry(centre, accuracy / Math.cos((at.lat * Math.PI) / 180)))
      circle.setStyle(new Style({ fill: new Fill({ color: 'rgba(36,90,148,.14)' }), stroke: new Stroke({ color: '#245a94', width: 1, lineDash: [3, 4] }) }))
      this.marks.addFeature(circle)
    }
    const pin = new Feature(new Point(centre))
    pin.setStyle(iconStyle(pinIcon(), 400, [0.5, 1]))
    this.marks.addFeature(pin)
  }

  /** Mark other places (duplicates) with small rings. */
  ring(places: readonly Position[]): void {
    for (const place of places) {
      const feature = new Feature(new Point(fromLonLat([place.lon, place.lat])))
      feature.setStyle(new Style({ image: new Circle({ radius: 6, stroke: new Stroke({ color: '#1b4472', width: 2 }), fill: new Fill({ color: '#fff' }) }) }))
      this.marks.addFeature(feature)
    }
  }

  bounds(): Bounds {
    const box = transformExtent(this.map.getView().calculateExtent(this.map.getSize()), 'EPSG:3857', 'EPSG:4326')
    return { bbox: box.map((value) => value.toFixed(6)).join(','), zoom: Math.round(this.map.getView().getZoom() ?? 11) }
  }

  onMove(listener: () => void): void {
    this.map.on('moveend', listener)
  }

  /** Call back with the place and with the case (its id) or cluster that lies there, if any. */
  onClick(listener: (at: Position, id: string | null, count: number) => void): void {
    this.map.on('singleclick', (event) => {
      const [lon = 0, lat = 0] = toLonLat(event.coordinate)
      const hit = this.map.forEachFeatureAtPixel(event.pixel, (feature) => (feature.get('id') || feature.get('count') ? feature : undefined), { hitTolerance: 6 })
      listener({ lon, lat }, (hit?.get('id') as string | undefined) ?? null, Number(hit?.get('count') ?? 0))
    })
  }

  /** Draw again (after a change of language). */
  redraw(): void {
    this.map.getAllLayers().forEach((layer) => layer.changed())
  }

  destroy(): void {
    this.map.setTarget(undefined)
    this.map.dispose()
  }
}
