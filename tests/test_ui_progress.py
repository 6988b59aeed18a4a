"""The Progress tab in a real browser, on the run that ships."""

from playwright.sync_api import Page, expect


def test_the_sheets_and_charts_of_a_run(page: Page, app_url: str) -> None:
    page.goto(app_url)
    page.get_by_role("tab", name="Progress").click()
    sheet = page.locator("#course .nc-sheet-image")
    expect(sheet).to_be_visible()
    last = sheet.get_attribute("src")
    expect(page.locator("#epoch-shown")).to_contain_text("Epoch 29")
    page.locator("#scrub").fill("0")
    expect(page.locator("#epoch-shown")).to_contain_text("Epoch 0")
    expect(sheet).not_to_have_attribute("src", last)
    assert sheet.evaluate("image => image.naturalWidth") == 8 * 64 + 9 * 2
    expect(page.locator("#loss-chart .scatterlayer .trace")).to_have_count(2)
    expect(page.locator("#score-chart .scatterlayer .trace")).to_have_count(3)
