// A flat index from a 1- or 2-dimensional grid of workgroups of 64: more than 65,535 workgroups are laid out in rows.
fn flatIndex(group: vec3<u32>, groups: vec3<u32>, local: u32) -> u32 {
  return (group.y * groups.x + group.x) * 64u + local;
}
