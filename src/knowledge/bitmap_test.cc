#include "knowledge/bitmap.h"

#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "knowledge/types.h"

namespace strata::knowledge {
namespace {

TEST(BitmapTest, IsASet) {
  std::mt19937 random(1);
  Bitmap bitmap, other;
  std::set<std::uint32_t> set, other_set;
  for (int i = 0; i < 20000; ++i) {
    const std::uint32_t number = random() % 3000;
    switch (random() % 3) {
      case 0:
        bitmap.Add(number), set.insert(number);
        break;
      case 1:
        bitmap.Remove(number), set.erase(number);
        break;
      default:
        other.Add(number), other_set.insert(number);
        break;
    }
    ASSERT_EQ(bitmap.Has(number), set.contains(number));
  }
  EXPECT_FALSE(bitmap.Has(1 << 30));
  EXPECT_EQ(bitmap.Count(), set.size());
  std::erase_if(set, [&](std::uint32_t number) { return !other_set.contains(number); });
  bitmap.KeepOnly(other);
  std::vector<std::uint32_t> found;
  bitmap.ForEach([&](std::uint32_t number) { found.push_back(number); });
  EXPECT_EQ(found, std::vector<std::uint32_t>(set.begin(), set.end()));
}

TEST(AccessTest, NeedsEveryLabelAndOneOfTheReaders) {
  const Access open, secret{.users = {}, .groups = {}, .labels = {"secret"}};
  const Access some{.users = {"ann"}, .groups = {"law"}, .labels = {}};
  const Access both{.users = {"ann"}, .groups = {}, .labels = {"secret", "eu"}};
  const Principal nobody, ann{.user = "ann", .groups = {}, .labels = {"secret"}};
  const Principal law{.user = "bob", .groups = {"it", "law"}, .labels = {}}, owner{.sees_everything = true};
  EXPECT_TRUE(MaySee(nobody, open));
  EXPECT_FALSE(MaySee(nobody, secret));
  EXPECT_FALSE(MaySee(nobody, some));
  EXPECT_TRUE(MaySee(ann, secret));
  EXPECT_TRUE(MaySee(ann, some));
  EXPECT_FALSE(MaySee(ann, both));
  EXPECT_TRUE(MaySee(law, some));
  EXPECT_FALSE(MaySee(law, secret));
  EXPECT_TRUE(MaySee(owner, both));
  // An empty name is nobody's, also where a list has one.
  EXPECT_FALSE(MaySee(nobody, Access{.users = {""}, .groups = {}, .labels = {}}));
}

}  // namespace
}  // namespace strata::knowledge
