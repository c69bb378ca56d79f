#include "base/build_id.h"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include <elf.h>
#include <fmt/format.h>
#include <link.h>

namespace strata {
namespace {

constexpr std::size_t Aligned(std::size_t bytes) { return (bytes + 3) / 4 * 4; }

/// Of a segment of notes (System V ABI, "Note Section"): lengths of name and content, a type, then both, each padded.
std::string FindInNotes(std::span<const std::byte> notes) {
  ElfW(Nhdr) note;
  while (notes.size() >= sizeof note) {
    std::memcpy(&note, notes.data(), sizeof note);
    const std::size_t name = sizeof note, content = name + Aligned(note.n_namesz);
    const std::size_t end = content + Aligned(note.n_descsz);
    if (end > notes.size()) return {};
    const std::string_view owner(reinterpret_cast<const char*>(notes.data() + name), note.n_namesz);
    if (note.n_type == NT_GNU_BUILD_ID && owner == std::string_view("GNU\0", 4)) {
      std::string id;
      for (const std::byte byte : notes.subspan(content, note.n_descsz)) id += fmt::format("{:02x}", byte);
      return id;
    }
    notes = notes.subspan(end);
  }
  return {};
}

int Visit(dl_phdr_info* module, std::size_t, void* result) {
  const auto here = reinterpret_cast<std::uintptr_t>(&BuildId);
  std::string id;
  bool ours = false;
  for (const ElfW(Phdr) & segment : std::span(module->dlpi_phdr, module->dlpi_phnum)) {
    const std::uintptr_t begin = module->dlpi_addr + segment.p_vaddr;
    if (segment.p_type == PT_LOAD && here >= begin && here - begin < segment.p_memsz) ours = true;
    if (segment.p_type != PT_NOTE || !id.empty()) continue;
    id = FindInNotes({std::bit_cast<const std::byte*>(begin), segment.p_memsz});
  }
  if (ours) *static_cast<std::string*>(result) = id;
  return ours ? 1 : 0;
}

}  // namespace

std::string BuildId() {
  std::string id;
  ::dl_iterate_phdr(Visit, &id);
  return id;
}

}  // namespace strata
