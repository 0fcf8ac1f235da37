// Building blocks of linear algebra: what all of them share, and the picture. linear.py writes the
// constants and `value_of`; the operations themselves are in linear_shaders.py, linear_lists.wgsl and
// below. statistics: 0 sum, 1 least, 2 greatest, 3 sum of squares, 4 greatest size of what is shown.

const WARM: vec3f = vec3f(1.0, 0.85, 0.4);

fn slice_now() -> u32 { return uniforms.step % ROUNDS; }

// In a picture: the newest round that is done; before the first one there is none.
fn rounds_done() -> u32 {
  if (STILL) { return ROUNDS; }
  return select((uniforms.step - 1u) % ROUNDS + 1u, 0u, uniforms.step == 0u);
}

fn begun() -> bool { return STILL || uniforms.step > 0u; }

fn flat(id: vec3u) -> u32 { return id.x + id.y * 4194240u; }

fn share_in(p: vec2f, low: vec2f, high: vec2f) -> vec2f { return (p - low) / (high - low); }

fn inside_unit(e: vec2f) -> bool { return all(e >= vec2f(0.0)) && all(e < vec2f(1.0)); }

// Of a value between -peak and peak.
fn heat(value: f32, peak: f32) -> vec3f {
  return linear(palette(0.5 + 0.5 * clamp(value / max(peak, 1e-30), -1.0, 1.0)));
}

fn near_line(away: f32, wide: f32) -> f32 {
  let d = away / wide;
  return exp(-d * d);
}

fn thick() -> f32 { return f32(min(WIDE, HIGH)) / 512.0; }

fn picture() -> vec2f { return vec2f(f32(WIDE), f32(HIGH)); }

@compute @workgroup_size(8, 8)
fn light_up(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= WIDE || id.y >= HIGH) { return; }
  add_amount(vec2i(id.xy), max(light_of(vec2f(id.xy) + 0.5), vec3f(0.0)));
}
