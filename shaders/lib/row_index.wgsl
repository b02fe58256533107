// The row of a thread where LANES threads share one, from a 1- or 2-dimensional grid of workgroups of 64. Needs lib/reduce for LANES.
fn rowIndex(group: vec3<u32>, groups: vec3<u32>, local: u32) -> u32 {
  return (group.y * groups.x + group.x) * (64u / LANES) + local / LANES;
}
