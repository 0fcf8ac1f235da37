// One step from the first pair of buffers to the second; cloth.py makes the step back of it.

@compute @workgroup_size(64)
fn step_there(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= COUNT) { return; }
  let i = i32(id.x) % COLUMNS;
  let j = i32(id.x) / COLUMNS;
  let p = place_a[id.x].xyz;
  let v = speed_a[id.x].xyz;
  let k = springs();
  var force = vec3f(0.0, -MASS * uniforms.gravity, 0.0);
  // Across and down, with their damping.
  for (var n = 0; n < 4; n++) {
    let a = i + select(0, 1 - 2 * (n & 1), n < 2);
    let b = j + select(1 - 2 * (n & 1), 0, n < 2);
    if (a < 0 || b < 0 || a >= COLUMNS || b >= ROWS) { continue; }
    let at = index(a, b);
    force += pull(p, v, place_a[at].xyz, speed_a[at].xyz, select(DY, DX, n < 2), select(k.down, k.across, n < 2), k.loss);
  }
  for (var n = 0; n < 4; n++) {
    let a = i + 1 - 2 * (n & 1);
    let b = j + 1 - (n & 2);
    if (a < 0 || b < 0 || a >= COLUMNS || b >= ROWS) { continue; }
    let at = index(a, b);
    force += pull(p, v, place_a[at].xyz, speed_a[at].xyz, DIAGONAL, k.shear, k.loss);
  }
  for (var n = 0; n < 4; n++) {
    let a = i + select(0, 2 - 4 * (n & 1), n < 2);
    let b = j + select(2 - 4 * (n & 1), 0, n < 2);
    if (a < 0 || b < 0 || a >= COLUMNS || b >= ROWS) { continue; }
    let q = place_a[index(a, b)].xyz;
    force += pull(p, v, q, v, 2.0 * select(DY, DX, n < 2), k.bend, 0.0);
  }
  // The wind presses on the face and drags along it.
  let right = place_a[index(min(i + 1, COLUMNS - 1), j)].xyz - place_a[index(max(i - 1, 0), j)].xyz;
  let below = place_a[index(i, min(j + 1, ROWS - 1))].xyz - place_a[index(i, max(j - 1, 0))].xyz;
  let across = cross(below, right);
  let normal = across / max(length(across), 1e-12);
  let flow = air[id.x].xyz - v;
  let through = dot(flow, normal);
  var press = abs(through) * through * normal;
  if (ROWS == 1) {
    // A chain has no face: the wind presses across it.
    let along = right / max(length(right), 1e-12);
    let beside = flow - dot(flow, along) * along;
    press = length(beside) * beside;
  }
  force += (0.5 * AIR_DENSITY * DX * DY) * (PRESSURE * press + SKIN * length(flow) * flow);
  let faster = v + force * (STEP / MASS);
  let moved = settled(Mover(p + faster * STEP, faster));
  let held = pinned(i, j);
  place_b[id.x] = vec4f(select(moved.p, p, held), 0.0);
  speed_b[id.x] = vec4f(select(moved.v, vec3f(0.0), held), 0.0);
}
