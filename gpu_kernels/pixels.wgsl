// A picture from formulas. The builder writes three functions before this one:
// camera(t) -> vec3f (centre x, y and zoom), shade(x, y, t, phase) -> Shade, palette(t);
// and the constants SAMPLES (a side, within one pixel) and PHASE (films a second).

@compute @workgroup_size(8, 8)
fn draw(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.width || id.y >= uniforms.height) { return; }
  let size = vec2f(f32(uniforms.width), f32(uniforms.height));
  let half = min(size.x, size.y) * 0.5;
  let t = uniforms.time;
  let view = camera(t);
  let zoom = view.z * uniforms.zoom;
  var colour = vec3f(0.0);
  var value = 0.0;
  for (var j = 0u; j < SAMPLES; j++) {
    for (var i = 0u; i < SAMPLES; i++) {
      let inside = (vec2f(f32(i), f32(j)) + 0.5) / f32(SAMPLES);
      let place = (vec2f(f32(id.x), f32(id.y)) + inside - size * 0.5) / half;
      let x = view.x + (place.x - uniforms.pan.x) / zoom;
      let y = view.y - (place.y + uniforms.pan.y) / zoom;
      let shade = shade(x, y, t, t * PHASE);
      colour += clamp(shade.colour, vec3f(0.0), vec3f(1.0));
      value += shade.value;
    }
  }
  let count = f32(SAMPLES * SAMPLES);
  let pixel = id.y * uniforms.width + id.x;
  values[pixel] = value / count;
  pixels[pixel] = pack_rgba(colour / count);
}
