/** Photos: made small in the page, named by their hash, sent before the report that shows them. */
import { call } from './api'

export const MAX_SIDE = 1600
export const MAX_PHOTOS = 9
const QUALITY = 0.85

/** The size that fits into `most` × `most` without growing or bending the picture. */
export function fit(width: number, height: number, most: number = MAX_SIDE): { width: number; height: number } {
  const ratio = Math.min(1, most / Math.max(width, height))
  return { width: Math.max(1, Math.round(width * ratio)), height: Math.max(1, Math.round(height * ratio)) }
}

/** Return a JPEG of the picture with its long side ≤ 1600 px, upright. Raises when the file is no picture. */
export async function shrink(file: Blob): Promise<Blob> {
  const bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' })
  const size = fit(bitmap.width, bitmap.height)
  const canvas = document.createElement('canvas')
  canvas.width = size.width
  canvas.height = size.height
  const context = canvas.getContext('2d')
  if (!context) throw new Error('no 2d canvas')
  context.fillStyle = '#fff'
  context.fillRect(0, 0, size.width, size.height)
  context.drawImage(bitmap, 0, 0, size.width, size.height)
  bitmap.close()
  return await new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('no jpeg'))), 'image/jpeg', QUALITY)
  })
}

/** Lower-case hexadecimal SHA-256 of the bytes. */
export async function sha256(blob: Blob): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', await blob.arrayBuffer())
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Send the picture under its hash and return its media id; sending the same again is harmless. */
export async function upload(blob: Blob): Promise<string> {
  const answer = await call<{ id: string }>('PUT', `/media/${await sha256(blob)}`, { raw: blob })
  return answer.id
}

export function mediaUrl(id: string, thumb = false): string {
  return `/api/v1/media/${encodeURIComponent(id)}${thumb ? '?size=thumb' : ''}`
}
