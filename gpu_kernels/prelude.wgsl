// Shared by all kernels. prelude.py holds the NumPy twin of every function here.

const TAU: f32 = 6.283185307179586;

// PCG hash of a 32-bit integer. Source: Jarzynski and Olano, "Hash Functions for GPU Rendering",
// JCGT 9(3), 2020.
fn hash(x: u32) -> u32 {
  let state = x * 747796405u + 2891336453u;
  let word = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
  return (word >> 22u) ^ word;
}

// One of 2^32 integers from four keys; the run's seed is always among them.
fn random_bits(a: u32, b: u32, c: u32) -> u32 {
  return hash(a ^ hash(b ^ hash(c ^ hash(uniforms.seed))));
}

// Uniform in [0, 1): the upper 24 bits, which a float32 holds exactly.
fn random(a: u32, b: u32, c: u32) -> f32 {
  return f32(random_bits(a, b, c) >> 8u) * (1.0 / 16777216.0);
}

// sRGB in 0..1 to one RGBA8 word, red in the lowest byte.
fn pack_rgba(colour: vec3f) -> u32 {
  let c = vec3u(clamp(colour, vec3f(0.0), vec3f(1.0)) * 255.0 + 0.5);
  return c.x | (c.y << 8u) | (c.z << 16u) | 0xff000000u;
}
