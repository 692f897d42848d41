"""Everything that names or fills a Hub repo: recipes, cards, Space files."""
