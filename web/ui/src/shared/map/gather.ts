/** What would lie on top of each other on the map is gathered into one capsule with the worst light and the count. */
import type { Light, MapCluster, MapPoint } from '../types'

const SEVERITY: Light[] = ['none', 'green', 'yellow', 'red', 'deep_red']

export function worse(one: Light, other: Light): Light {
  return SEVERITY.indexOf(other) > SEVERITY.indexOf(one) ? other : one
}

/** Gather points and clusters by cells of `size` degrees (0: nothing is gathered); emergencies and the chosen case stay single. */
export function gather(items: readonly MapPoint[], clusters: readonly MapCluster[], size: number, chosen = ''): { items: MapPoint[]; clusters: MapCluster[] } {
  if (size <= 0) return { items: [...items], clusters: [...clusters] }
  const single: MapPoint[] = []
  const cells = new Map<string, { count: number; lon: number; lat: number; worst: Light; first?: MapPoint }>()
  const add = (lon: number, lat: number, count: number, light: Light, first?: MapPoint): void => {
    const key = `${Math.floor(lon / size)}:${Math.floor(lat / size)}`
    const cell = cells.get(key)
    if (!cell) cells.set(key, { count, lon: lon * count, lat: lat * count, worst: light, first })
    else {
      cell.count += count
      cell.lon += lon * count
      cell.lat += lat * count
      cell.worst = worse(cell.worst, light)
    }
  }
  for (const item of items) {
    if (item.id === chosen || item.urgency === 'emergency') single.push(item)
    else add(item.lon, item.lat, 1, item.light, item)
  }
  for (const cluster of clusters) add(cluster.lon, cluster.lat, cluster.count, cluster.worst)
  const gathered: MapCluster[] = []
  for (const cell of cells.values()) {
    if (cell.count === 1 && cell.first) single.push(cell.first)
    else gathered.push({ lon: cell.lon / cell.count, lat: cell.lat / cell.count, count: cell.count, worst: cell.worst })
  }
  return { items: single, clusters: gathered }
}
