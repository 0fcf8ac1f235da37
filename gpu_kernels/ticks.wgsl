// Where an axis has its numbers; ticks.py holds the twin. Steps are 1, 2 or 5 times a power of ten.

fn tick_step(low: f32, high: f32, count: f32) -> f32 {
  let raw = abs(high - low) / count;
  if (!is_finite(raw) || raw < 1e-30 || raw > 1e30) { return 1.0; }
  var power = 1.0;
  for (var k = 0; k < 31 && power * 10.0 <= raw; k++) { power *= 10.0; }
  for (var k = 0; k < 31 && power > raw; k++) { power /= 10.0; }
  let share = raw / power;
  return power * select(select(select(10.0, 5.0, share < 7.0), 2.0, share < 3.0), 1.0, share < 1.5);
}

fn tick_decimals(step: f32) -> i32 {
  var decimals = 0;
  for (var size = step; size < 0.999 && decimals < 6; size *= 10.0) { decimals++; }
  return decimals;
}

fn tick_near(value: f32, step: f32) -> f32 { return floor(value / step + 0.5) * step; }

fn tick_text(tick: f32, step: f32) -> Number {
  return number_text(tick, select(tick_decimals(step), 0, tick == 0.0));
}

// Whether a tick lies between the ends, whichever of them is larger.
fn tick_shown(tick: f32, low: f32, high: f32, step: f32) -> bool {
  return is_finite(tick) && tick > min(low, high) - 0.01 * step && tick < max(low, high) + 0.01 * step;
}

// How far a point is from a piece of a line; for charts.
fn piece_distance(p: vec2f, a: vec2f, b: vec2f) -> f32 {
  let along = b - a;
  let t = clamp(dot(p - a, along) / max(dot(along, along), 1e-9), 0.0, 1.0);
  return length(p - a - t * along);
}
