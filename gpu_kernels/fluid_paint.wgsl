// The picture of a flow. The builder writes before this: RELIEF, LOW, HIGH, BODY_COLOUR, BACKGROUND
// and palette(t), and after it fluid_colour(p), which is one of the three below.

// Value and slope by quadratic B-splines, which have no corners; p counts cells, from their edges.
fn FIELD_field(p: vec2f) -> vec3f {
  let c = floor(p);
  let t = p - c - 0.5;
  let i = vec2i(c);
  let wx = vec3f(0.5 * (0.5 - t.x) * (0.5 - t.x), 0.75 - t.x * t.x, 0.5 * (0.5 + t.x) * (0.5 + t.x));
  let wy = vec3f(0.5 * (0.5 - t.y) * (0.5 - t.y), 0.75 - t.y * t.y, 0.5 * (0.5 + t.y) * (0.5 + t.y));
  let sx = vec3f(t.x - 0.5, -2.0 * t.x, t.x + 0.5);
  let sy = vec3f(t.y - 0.5, -2.0 * t.y, t.y + 0.5);
  let columns = vec3u(column_at(i.x - 1), column_at(i.x), column_at(i.x + 1));
  var found = vec3f(0.0);
  for (var k = 0; k < 3; k++) {
    let base = row_at(i.y + k - 1) * COLUMNS;
    let taps = vec3f(FIELD[base + columns.x], FIELD[base + columns.y], FIELD[base + columns.z]);
    let value = dot(taps, wx);
    found += vec3f(value * wy[k], dot(taps, sx) * wy[k], value * sy[k]);
  }
  return found;
}
//--
fn in_body(place: vec2f) -> bool { return obstacle_at(place.x, place.y); }

// Share of a pixel that is covered by the obstacle; pixel is its side, in heights.
fn cover(place: vec2f, pixel: f32) -> f32 {
  var sum = 0.0;
  sum += select(0.0, 0.25, in_body(place + pixel * vec2f(-0.375, -0.125)));
  sum += select(0.0, 0.25, in_body(place + pixel * vec2f(0.125, -0.375)));
  sum += select(0.0, 0.25, in_body(place + pixel * vec2f(0.375, 0.125)));
  sum += select(0.0, 0.25, in_body(place + pixel * vec2f(-0.125, 0.375)));
  return sum;
}

// A body lit from the upper left: its rim catches the light there and lies in the shade opposite.
fn body_colour(place: vec2f) -> vec3f {
  var light = 0.0;
  for (var k = 1; k <= 4; k++) {
    let far = 0.003 * f32(k) * vec2f(-0.7, 0.7);
    light += select(0.12, 0.0, in_body(place + far)) - select(0.12, 0.0, in_body(place - far));
  }
  return clamp(BODY_COLOUR * (1.0 + light) + max(light, 0.0) * 0.25, vec3f(0.0), vec3f(1.0));
}

// How light from the upper left falls on a slope, 1 on flat ground; slope in levels a height.
fn lit(slope: vec2f) -> f32 {
  let tilt = slope * RELIEF * 0.012;
  return clamp((1.0 + 0.75 * tilt.x - 0.75 * tilt.y) / sqrt(1.0 + dot(tilt, tilt)), 0.35, 1.7);
}

fn dye_colour(p: vec2f) -> vec3f {
  let ink = dye_field(p);
  let light = lit(ink.yz * SHOWN.y);
  let gloss = max(light - 1.0, 0.0) * ink.x;
  return palette((ink.x - LOW) / (HIGH - LOW)) * light + vec3f(0.12 * gloss);
}

fn plain_colour(p: vec2f) -> vec3f {
  let seen = spare_field(p);
  let level = (seen.x - LOW) / (HIGH - LOW);
  // Beyond the palette's ends it is flat.
  let flat = 1.0 - smoothstep(0.7, 1.0, abs(2.0 * level - 1.0));
  return palette(level) * lit(seen.yz * (flat * SHOWN.y / (HIGH - LOW)));
}

fn mixed_colour(p: vec2f) -> vec3f {
  let level = (spare_field(p).x - LOW) / (HIGH - LOW);
  let ink = dye_field(p);
  let base = palette(level);
  let strength = min(abs(level - 0.5) * 3.0, 1.0);
  let hue = mix(vec3f(0.93, 0.91, 0.86), base, strength);
  return mix(BACKGROUND + base * (0.4 * strength), hue * lit(ink.yz * SHOWN.y), clamp(ink.x, 0.0, 1.0));
}

@compute @workgroup_size(8, 8)
fn paint(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.width || id.y >= uniforms.height) { return; }
  let size = vec2f(f32(uniforms.width), f32(uniforms.height));
  let at = vec2f(f32(id.x), size.y - 1.0 - f32(id.y)) + 0.5;
  let unit = min(size.x / SHOWN.x, size.y / SHOWN.y) * uniforms.zoom;
  let p = (at - 0.5 * size) / unit + SHOWN * (0.5 - uniforms.pan);
  var colour = vec3f(0.035, 0.043, 0.063);
  if (all(p >= vec2f(0.0)) && all(p <= SHOWN)) {
    let cell = vec2u(clamp(p + CORNER, vec2f(0.0), vec2f(f32(COLUMNS), f32(ROWS)) - 1.0));
    let here = flow[cell.y * COLUMNS + cell.x];
    if (is_finite(here.x + here.y + here.z)) {
      colour = fluid_colour(p + CORNER);
    } else {
      colour = vec3f(1.0, 0.0, 0.8);
    }
    let place = p / SHOWN.y;
    if (BODY) {
      let covered = cover(place, 1.0 / (unit * SHOWN.y));
      if (covered > 0.0) { colour = mix(colour, body_colour(place), covered); }
    }
  }
  pixels[id.y * uniforms.width + id.x] = pack_rgba(colour);
}
