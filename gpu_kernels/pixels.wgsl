// A picture from formulas. The builder writes three functions before this one:
// camera(t) -> vec3f (centre x, y and zoom), shade(x, y, t, phase) -> Shade, palette(t);
// and the constants SAMPLES (a side, within one pixel), PHASE (films a second) and FLAT.

// What is seen at a place within a pixel, which goes from 0 to 1 to the right and down.
fn seen(id: vec2u, inside: vec2f) -> Shade {
  let size = vec2f(f32(uniforms.width), f32(uniforms.height));
  let t = uniforms.time;
  let view = camera(t);
  let zoom = view.z * uniforms.zoom;
  let place = (vec2f(id) + inside - size * 0.5) / (min(size.x, size.y) * 0.5);
  let x = view.x + (place.x - uniforms.pan.x) / zoom;
  let y = view.y - (place.y + uniforms.pan.y) / zoom;
  let one = shade(x, y, t, t * PHASE);
  return Shade(clamp(one.colour, vec3f(0.0), vec3f(1.0)), one.value);
}

// The mean over all samples of a pixel.
fn draw_pixel(id: vec2u) {
  var colour = vec3f(0.0);
  var value = 0.0;
  for (var sample = 0u; sample < SAMPLES * SAMPLES; sample++) {
    let place = vec2f(f32(sample % SAMPLES), f32(sample / SAMPLES)) + 0.5;
    let one = seen(id, place / f32(SAMPLES));
    colour += one.colour;
    value += one.value;
  }
  let count = f32(SAMPLES * SAMPLES);
  let pixel = id.y * uniforms.width + id.x;
  values[pixel] = value / count;
  pixels[pixel] = pack_rgba(colour / count);
}

@compute @workgroup_size(16, 8)
fn draw(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.width || id.y >= uniforms.height) { return; }
  draw_pixel(id.xy);
}
