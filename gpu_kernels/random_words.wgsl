// Three random words of three numbers. Source: pcg3d of Jarzynski and Olano, JCGT 9(3), 2020.
fn random_words(i: u32, block: u32, key: u32) -> vec3u {
  var v = vec3u(i, block, key) * 1664525u + 1013904223u;
  v.x += v.y * v.z;
  v.y += v.z * v.x;
  v.z += v.x * v.y;
  v ^= v >> vec3u(16u);
  v.x += v.y * v.z;
  v.y += v.z * v.x;
  v.z += v.x * v.y;
  return v;
}
