/** What scripts of a visitor can call in the page. */
interface Window {
  neuroceleb: {
    name: string;
    nz: number;
    latent(seed: number): Float32Array;
    generate(seed: number): Promise<Uint8ClampedArray<ArrayBuffer> | null>;
    render(z: ArrayLike<number>): Promise<Uint8ClampedArray<ArrayBuffer> | null>;
  };
}
