// Ensembles of ordinary differential equations. The builder writes before this: constants, formulas,
// one step of the method (ode_system.py) and the picture's frame (ode_picture.py).
// A member's rows in `state`: its variables; what rounding lost of each; then the time at which it came
// to rest (-1: it moves), events, time of the first and of the last of them, the adaptive step, and
// how often that method gave up. After the members come their twins: TWINS with half the step, and
// TWINS with half the step that begin every sample at their member.
// `path`: lowest and highest of four ranges (curves, x, y, z); the scouts' ones; where the twins'
// members began; places in pixels; and the trails, TRAIL moments of all that is followed.

const REST: u32 = 2u * VARIABLES;
const HUGE: f32 = 3e38;

struct Run {
  y: Y,
  c: Y,
  ended: f32,
  events: f32,
  first: f32,
  last: f32,
  step: f32,
  stuck: f32,
}

fn owner_of(i: u32) -> u32 {
  if (i < MEMBERS) { return i; }
  return ((i - MEMBERS) % TWINS) * APART;
}

fn run_of(i: u32) -> Run {
  let r = REST * ALL + i;
  return Run(load(i), load_carry(i), state[r], state[r + ALL], state[r + 2u * ALL], state[r + 3u * ALL],
    state[r + 4u * ALL], state[r + 5u * ALL]);
}

fn run_of_next(i: u32) -> Run {
  let r = REST * ALL + i;
  return Run(load_next(i), load_next_carry(i), next[r], next[r + ALL], next[r + 2u * ALL],
    next[r + 3u * ALL], next[r + 4u * ALL], next[r + 5u * ALL]);
}

fn keep_run(i: u32, run: Run) {
  keep(i, run.y, run.c);
  let r = REST * ALL + i;
  next[r] = run.ended;
  next[r + ALL] = run.events;
  next[r + 2u * ALL] = run.first;
  next[r + 3u * ALL] = run.last;
  next[r + 4u * ALL] = run.step;
  next[r + 5u * ALL] = run.stuck;
}

fn fresh(m: Member) -> Run {
  return Run(initial_state(m), nothing(), -1.0, 0.0, -1.0, -1.0, SAMPLE / f32(STEPS), 0.0);
}

// ---- events

fn passes(k: u32, before: f32, after: f32) -> bool {
  let way = direction_of(k);
  let down = before >= 0.0 && after < 0.0;
  let up = before <= 0.0 && after > 0.0;
  return (down && way >= 0.0) || (up && way <= 0.0);
}

// The event that comes first in a step, by straight lines; EVENTS if none does.
fn first_event(a: Y, b: Y, t: f32, h: f32, m: Member) -> u32 {
  var found = EVENTS;
  var soonest = 2.0;
  for (var k = 0u; k < EVENTS; k++) {
    let before = gate(k, a, t, m);
    let after = gate(k, b, t + h, m);
    if (!passes(k, before, after)) { continue; }
    let when = before / (before - after);
    if (when < soonest) {
      soonest = when;
      found = k;
    }
  }
  return found;
}

// From t to t + h, with what happens on the way.
fn travel(run: Run, start: f32, h: f32, m: Member) -> Run {
  var r = run;
  var left = h;
  for (var tries = 0; tries < 8; tries++) {
    let t = start + (h - left);
    let moved = step_of(r.y, r.c, t, left, m);
    let k = first_event(r.y, moved.y, t, left, m);
    if (k == EVENTS) {
      r.y = moved.y;
      r.c = moved.c;
      return r;
    }
    // Halve the part of the step before the event: at `low` it has not happened, at `high` it has.
    let before = gate(k, r.y, t, m);
    var low = 0.0;
    var high = 1.0;
    for (var n = 0; n < 20; n++) {
      let half = 0.5 * (low + high);
      let there = step_of(r.y, r.c, t, half * left, m).y;
      if (passes(k, before, gate(k, there, t + half * left, m))) { high = half; } else { low = half; }
    }
    // 1 where the formula falls through zero, -1 where it rises.
    let down = select(-1.0, 1.0, gate(k, moved.y, t + left, m) < before);
    if (low == 0.0 && resets(k) && down * (gate(k, nudged(r.y, t, left, m), t, m) - before) >= 0.0) {
      return r;  // it leaves, but comes back before it can be told: it rests there for this step
    }
    let when = t + low * left;
    r.events += 1.0;
    r.last = when;
    if (r.first < 0.0) { r.first = when; }
    if (!resets(k) && !stops(k)) {
      r.y = moved.y;
      r.c = moved.c;
      return r;
    }
    var near = reset(k, step_of(r.y, r.c, t, low * left, m).y, when, m);
    if (stops(k)) {
      r.y = near;
      r.ended = when;
      return r;
    }
    // What bounces goes on from before the event, so that it never gets beyond; what is only pushed
    // goes on from behind it, so that it happens once.
    if (down * gate(k, near, when, m) < 0.0) {
      near = reset(k, r.y, t, m);  // rounding put it beyond
    }
    let bounces = down * (gate(k, nudged(near, when, left, m), when, m) - gate(k, near, when, m)) >= 0.0;
    if (bounces) {
      r.y = near;
      left *= 1.0 - low;
    } else {
      let far = t + high * left;
      r.y = reset(k, step_of(r.y, r.c, t, high * left, m).y, far, m);
      left *= 1.0 - high;
    }
    r.c = nothing();
  }
  return r;  // at rest on what it bounces from
}

// ---- a sample ----

// A step on which nothing happens.
fn glide(run: Run, t: f32, h: f32, m: Member) -> Run {
  var r = run;
  let moved = step_of(r.y, r.c, t, h, m);
  r.y = moved.y;
  r.c = moved.c;
  return r;
}

// ---- by steps

fn by_steps(run: Run, start: f32, fine: bool, m: Member) -> Run {
  var r = run;
  let steps = select(STEPS, 2u * STEPS, fine);
  let h = SAMPLE / f32(steps);
  for (var n = 0u; n < steps && r.ended < 0.0; n++) {
    r = travel(r, start + f32(n) * h, h, m);
  }
  return r;
}

// ---- by errors

fn by_errors(run: Run, start: f32, fine: bool, m: Member) -> Run {
  var r = run;
  // Half the step of a method of fifth order makes 2^-5 of the error.
  let tolerance = max(select(TOLERANCE, TOLERANCE / 32.0, fine), 2e-7);
  var done = 0.0;
  for (var n = 0u; n < TRIES && done < SAMPLE && r.ended < 0.0; n++) {
    let rest = SAMPLE - done;
    let h = min(r.step, rest);
    var moved = step_of(r.y, r.c, start + done, h, m);
    let e = moved.error / tolerance;
    let least = SAMPLE / 4096.0;
    if (!(e <= 1.0) && h > least) {
      r.step = max(h * select(0.2, clamp(0.9 * pow(e, -0.2), 0.2, 0.9), is_finite(e)), least);
      continue;
    }
    if (!(e <= 1.0)) { r.stuck += 1.0; }
    r = travel(r, start + done, h, m);
    done = select(done + h, SAMPLE, h == rest);
    let longer = h * clamp(0.9 * pow(max(e, 1e-6), -0.2), 0.5, 5.0);
    // A step that was cut short by the sample's end says nothing against a long one.
    r.step = min(select(longer, max(r.step, longer), h == rest), SAMPLE);
  }
  if (done < SAMPLE && r.ended < 0.0) { r.stuck += 1.0; }
  return r;
}

// ---- by its method

fn onward(run: Run, start: f32, fine: bool, m: Member) -> Run {
  if (run.ended >= 0.0) { return run; }
  return onward_by_method(run, start, fine, m);
}

// Keep a member's curves and trail at sample `n`.
fn note(i: u32, n: u32, y: Y, m: Member) {
  let t = f32(n) * SAMPLE;
  if (i % CURVE_APART == 0u && i / CURVE_APART < CURVE_MEMBERS && n < SAMPLES) {
    for (var k = 0u; k < CURVES; k++) {
      curves[(n * CURVES + k) * CURVE_MEMBERS + i / CURVE_APART] = curve(k, y, t, m);
    }
  }
  if (TRAIL == 0u) { return; }
  for (var k = 0u; k < TRACES; k++) {
    let p = place_of(trace_of(k), y, t, m);
    let slot = TRAILS + 3u * ((n % max(TRAIL, 1u)) * MEMBERS * TRACES + i * TRACES + k);
    path[slot] = p.x;
    path[slot + 1u] = p.y;
    path[slot + 2u] = p.z;
  }
}

@compute @workgroup_size(64)
fn begin(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= ALL) { return; }
  let m = member_of(owner_of(i));
  let run = fresh(m);
  keep_run(i, run);
  for (var row = 0u; row < REST + 6u; row++) { state[row * ALL + i] = next[row * ALL + i]; }
  if (i < MEMBERS) { note(i, 0u, run.y, m); }
  if (i >= MEMBERS && i < MEMBERS + TWINS) {
    for (var k = 0u; k < VARIABLES; k++) { path[ORIGIN + k * TWINS + i - MEMBERS] = variable(k, run.y, 0.0, m); }
  }
  // The time of the scouts, in samples.
  if (i < SCOUTS) { path[SCOUTED + 9u * i] = 0.0; }
}

@compute @workgroup_size(64)
fn advance(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= ALL) { return; }
  let owner = owner_of(i);
  let m = member_of(owner);
  // The second kind of twin takes its member's state anew.
  let source = select(i, owner, i >= MEMBERS + TWINS);
  let run = onward(run_of(source), f32(uniforms.step) * SAMPLE, i >= MEMBERS, m);
  keep_run(i, run);
  if (i < MEMBERS) { note(i, uniforms.step + 1u, run.y, m); }
}

// ---- ranges ----

fn wider(range: vec2f, v: f32) -> vec2f {
  if (!is_finite(v) || abs(v) > 1e30) { return range; }
  return vec2f(min(range.x, v), max(range.y, v));
}

// Range k (0: the curves; 1, 2, 3: x, y, z of the places) widened by a state.
fn widened(k: u32, range: vec2f, y: Y, t: f32, m: Member) -> vec2f {
  var r = range;
  if (k == 0u) {
    for (var c = 0u; c < CURVES; c++) { r = wider(r, curve(c, y, t, m)); }
    return r;
  }
  for (var p = 0u; p < PLACES; p++) { r = wider(r, place_of(p, y, t, m)[k - 1u]); }
  return r;
}

// A few members run ahead of the film, a frame's samples in each dispatch.
@compute @workgroup_size(64)
fn scout(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= SCOUTS) { return; }
  let m = member_of(i * SCOUTS_APART);
  let own = SCOUTED + 9u * i;
  let n = u32(path[own]);
  var run: Run;
  var ranges: array<vec2f, 4>;
  if (n == 0u) {
    run = fresh(m);
    for (var k = 0u; k < 4u; k++) { ranges[k] = widened(k, vec2f(HUGE, -HUGE), run.y, 0.0, m); }
  } else {
    run = run_of_next(i);
    for (var k = 0u; k < 4u; k++) { ranges[k] = vec2f(path[own + 1u + 2u * k], path[own + 2u + 2u * k]); }
  }
  for (var s = n; s < n + SAMPLES_A_FRAME; s++) {
    run = onward(run, f32(s) * SAMPLE, false, m);
    for (var k = 0u; k < 4u; k++) { ranges[k] = widened(k, ranges[k], run.y, f32(s + 1u) * SAMPLE, m); }
  }
  keep_run(i, run);
  path[own] = f32(n + SAMPLES_A_FRAME);
  for (var k = 0u; k < 4u; k++) {
    path[own + 1u + 2u * k] = ranges[k].x;
    path[own + 2u + 2u * k] = ranges[k].y;
  }
}

@compute @workgroup_size(64)
fn settle(@builtin(global_invocation_id) id: vec3u) {
  let k = id.x;
  if (k >= 4u) { return; }
  var range = vec2f(HUGE, -HUGE);
  for (var i = 0u; i < SCOUTS; i++) {
    let own = SCOUTED + 9u * i + 1u + 2u * k;
    range = vec2f(min(range.x, path[own]), max(range.y, path[own + 1u]));
  }
  path[2u * k] = range.x;
  path[2u * k + 1u] = range.y;
}

// ---- what the checks look at ----

fn worse(a: f32, b: f32) -> f32 {
  if (!is_finite(b)) { return HUGE; }
  return max(a, b);
}

// One row of `errors`: of every variable the greatest error of a sample, the greatest distance from the
// twin of the first kind, and the greatest size; of every invariant the greatest drift and the size
// of its terms; of every known solution the greatest error.
@compute @workgroup_size(64)
fn watch(@builtin(local_invocation_index) k: u32) {
  let t = f32(uniforms.step + 1u) * SAMPLE;
  let row = (uniforms.step + 1u) * LOG_WIDTH;
  if (uniforms.step + 1u >= SAMPLES) { return; }
  if (k < VARIABLES) {
    var one = 0.0;
    var two = 0.0;
    var size = 0.0;
    for (var c = 0u; c < TWINS; c++) {
      let here = next[k * ALL + c * APART];
      one = worse(one, abs(here - next[k * ALL + MEMBERS + TWINS + c]));
      two = worse(two, abs(here - next[k * ALL + MEMBERS + c]));
      size = worse(size, abs(here));
    }
    errors[row + k] = one;
    errors[row + VARIABLES + k] = two;
    errors[row + 2u * VARIABLES + k] = size;
  } else if (k < VARIABLES + INVARIANTS) {
    let n = k - VARIABLES;
    var drift = 0.0;
    var size = 0.0;
    for (var c = 0u; c < TWINS; c++) {
      let m = member_of(c * APART);
      let y = load_next(c * APART);
      drift = worse(drift, abs(invariant(n, y, t, m) - invariant(n, origin_of(c), 0.0, m)));
      size = worse(size, invariant_scale(n, y, t, m));
    }
    errors[row + 3u * VARIABLES + 2u * n] = drift;
    errors[row + 3u * VARIABLES + 2u * n + 1u] = size;
  } else if (k < VARIABLES + INVARIANTS + EXACT) {
    let n = k - VARIABLES - INVARIANTS;
    var off = 0.0;
    for (var c = 0u; c < TWINS; c++) {
      off = worse(off, off_exact(n, load_next(c * APART), t, member_of(c * APART), origin_of(c)));
    }
    errors[row + 3u * VARIABLES + 2u * INVARIANTS + n] = off;
  } else if (k < VARIABLES + INVARIANTS + EXACT + 4u) {
    // Knobs that were turned may lead out of what the scouts saw.
    let n = k - VARIABLES - INVARIANTS - EXACT;
    var range = vec2f(path[2u * n], path[2u * n + 1u]);
    for (var c = 0u; c < TWINS; c++) {
      range = widened(n, range, load_next(c * APART), t, member_of(c * APART));
    }
    path[2u * n] = range.x;
    path[2u * n + 1u] = range.y;
  }
}
