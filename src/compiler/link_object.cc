#include "compiler/link_object.h"

#include <cstring>
#include <map>
#include <span>
#include <utility>

#include <elf.h>

namespace strata::compiler {
namespace {

class Linker {
 public:
  explicit Linker(std::string_view object)
      : object_(object),
        header_(At<Elf64_Ehdr>(0)),
        sections_(&At<Elf64_Shdr>(header_.e_shoff), header_.e_shnum),
        places_(sections_.size(), kNowhere) {
    for (const Elf64_Shdr& section : sections_) {
      if (section.sh_type == SHT_SYMTAB) symbols_ = &section;
    }
  }

  /// Code and constants; not the tables for unwinding, which code that throws nothing does without.
  void Place() {
    // -fsanitize=function reads what stands before a function that is called.
    image_.bytes.resize(sizeof(std::uint64_t));
    for (std::size_t i = 0; i < sections_.size(); ++i) {
      const Elf64_Shdr& section = sections_[i];
      if (section.sh_type != SHT_PROGBITS || (section.sh_flags & SHF_ALLOC) == 0 || section.sh_size == 0) continue;
      const std::size_t end = image_.bytes.size(), alignment = std::max<std::size_t>(section.sh_addralign, 1);
      image_.bytes.resize((end + alignment - 1) / alignment * alignment);
      places_[i] = image_.bytes.size();
      image_.bytes += object_.substr(section.sh_offset, section.sh_size);
    }
  }

  Status Relocate() {
    for (const Elf64_Shdr& section : sections_) {
      if (section.sh_type != SHT_RELA || places_[section.sh_info] == kNowhere) continue;
      for (const Elf64_Rela& relocation : Table<Elf64_Rela>(section)) {
        STRATA_CHECK(Relocate(relocation, places_[section.sh_info]));
      }
    }
    return {};
  }

  Status FindFunctions(const std::vector<std::string>& names) {
    std::map<std::string_view, std::uint64_t> found;
    for (const Elf64_Sym& symbol : Table<Elf64_Sym>(*symbols_)) {
      if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC) continue;
      STRATA_TRY(found[Name(symbol)], PlaceOf(symbol));
    }
    for (const std::string& name : names) {
      const auto function = found.find(name);
      if (function == found.end()) return Fail(ErrorCode::kInternal, "linking: no function {}", name);
      image_.functions.push_back(function->second);
    }
    return {};
  }

  CodeImage Take() { return std::move(image_); }

 private:
  static constexpr std::uint64_t kNowhere = ~std::uint64_t{0};

  template <class T>
  const T& At(std::uint64_t offset) const {
    return *reinterpret_cast<const T*>(object_.data() + offset);
  }
  template <class T>
  std::span<const T> Table(const Elf64_Shdr& section) const {
    return {&At<T>(section.sh_offset), section.sh_size / sizeof(T)};
  }
  const char* Name(const Elf64_Sym& symbol) const {
    return &At<char>(sections_[symbols_->sh_link].sh_offset + symbol.st_name);
  }

  Result<std::uint64_t> PlaceOf(const Elf64_Sym& symbol) const {
    if (symbol.st_shndx >= places_.size() || places_[symbol.st_shndx] == kNowhere) {
      return Fail(ErrorCode::kInternal, "linking: '{}' is not defined", Name(symbol));
    }
    return places_[symbol.st_shndx] + symbol.st_value;
  }

  // ELF x86-64 psABI, "Relocation Types": PC32 and PLT32 are S + A - P (what stands in the image needs no PLT).
  Status Relocate(const Elf64_Rela& relocation, std::uint64_t section) {
    const auto type = ELF64_R_TYPE(relocation.r_info);
    if (header_.e_machine != EM_X86_64 || (type != R_X86_64_PC32 && type != R_X86_64_PLT32)) {
      return Fail(ErrorCode::kInternal, "linking: relocation {} of machine {}", type, header_.e_machine);
    }
    STRATA_TRY(const std::uint64_t symbol, PlaceOf(Table<Elf64_Sym>(*symbols_)[ELF64_R_SYM(relocation.r_info)]));
    const std::uint64_t place = section + relocation.r_offset;
    const auto value = static_cast<std::uint32_t>(symbol + static_cast<std::uint64_t>(relocation.r_addend) - place);
    std::memcpy(image_.bytes.data() + place, &value, sizeof value);
    return {};
  }

  std::string_view object_;
  const Elf64_Ehdr& header_;
  std::span<const Elf64_Shdr> sections_;
  const Elf64_Shdr* symbols_ = nullptr;
  std::vector<std::uint64_t> places_;  ///< of sections in the image
  CodeImage image_;
};

}  // namespace

Result<CodeImage> LinkObject(std::string_view object, const std::vector<std::string>& names) {
  Linker linker(object);
  linker.Place();
  STRATA_CHECK(linker.Relocate());
  STRATA_CHECK(linker.FindFunctions(names));
  return linker.Take();
}

}  // namespace strata::compiler
