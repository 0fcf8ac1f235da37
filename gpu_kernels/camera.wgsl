// The camera that goes round the origin; y is up. camera.py holds the NumPy twin.

// A direction as the camera sees it: right, up, towards it.
fn turned(v: vec3f) -> vec3f {
  let c = cos(uniforms.yaw);
  let s = sin(uniforms.yaw);
  let q = vec3f(c * v.x + s * v.z, v.y, c * v.z - s * v.x);
  let d = cos(uniforms.pitch);
  let e = sin(uniforms.pitch);
  return vec3f(q.x, d * q.y - e * q.z, e * q.y + d * q.z);
}

// The shorter side of the picture, in pixels.
fn side() -> f32 { return f32(min(uniforms.width, uniforms.height)); }

// x and y in pixels, the depth, and how many pixels one unit is there. Draw nothing that has a depth
// below 0.1: it is behind the camera or in its eye.
fn project(p: vec3f) -> vec4f {
  let q = turned(p);
  let depth = uniforms.distance - q.z;
  let unit = 1.2 * side() * uniforms.zoom / max(depth, 0.05);
  let middle = 0.5 * vec2f(f32(uniforms.width), f32(uniforms.height)) + uniforms.pan * side();
  return vec4f(middle + vec2f(q.x, -q.y) * unit, depth, unit);
}
