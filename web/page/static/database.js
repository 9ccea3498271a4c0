/** IndexedDB with promises. */

/** The result of a request. @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
export function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/**
 * A database of this browser; null if it refuses: a private window, or storage is switched off.
 * @param {string} name @param {(base: IDBDatabase) => void} create makes its stores
 * @returns {Promise<IDBDatabase | null>}
 */
export async function openBase(name, create) {
  try {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => create(request.result);
    return await done(request);
  } catch {
    return null;
  }
}
