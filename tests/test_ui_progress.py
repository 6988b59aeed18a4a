"""The Progress tab in a real browser, on the run that ships."""

from playwright.sync_api import Page, expect


def open_progress(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_role("tab", name="Progress").click()
    expect(page.locator("#epoch-shown")).to_contain_text("Epoch")


def test_the_sheets_and_charts_of_a_run(page: Page, app_url: str) -> None:
    open_progress(page, app_url)
    sheet = page.locator("#course .nc-frame-a canvas")
    expect(page.locator("#epoch-shown")).to_contain_text("Epoch 29")
    expect(sheet).to_have_attribute("data-epoch", "29")
    page.locator("#scrub").fill("0")
    expect(page.locator("#epoch-shown")).to_contain_text("Epoch 0")
    expect(sheet).to_have_attribute("data-epoch", "0")
    assert sheet.evaluate("canvas => canvas.width") == 8 * 64 + 9 * 2
    expect(page.locator("#loss-chart .scatterlayer .trace")).to_have_count(2)
    expect(page.locator("#score-chart .scatterlayer .trace")).to_have_count(3)
