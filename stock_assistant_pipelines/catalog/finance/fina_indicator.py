"""What Tushare computes of the statements: per share, margins, returns, structure, growth."""

from __future__ import annotations

from dataclasses import replace

from stock_assistant_pipelines.catalog.calls import PerPeriod
from stock_assistant_pipelines.catalog.columns import Column, Type
from stock_assistant_pipelines.catalog.dataset import Dataset
from stock_assistant_pipelines.catalog.expected import Disclosed
from stock_assistant_pipelines.catalog.finance.items import (
    ANN_AFTER_PERIOD,
    ANN_DATE,
    END_DATE,
    UPDATE_FLAG,
    VERSIONS,
    items,
)
from stock_assistant_pipelines.catalog.grain import Grain
from stock_assistant_pipelines.catalog.versions import Versions

FINA_INDICATOR = Dataset(
    api="fina_indicator",
    title="Financial indicators",
    title_zh="财务指标数据",
    row="one row per company, report period and version",
    family="finance",
    grain=Grain.REPORT_PERIOD,
    key=("ts_code", "end_date"),
    columns=(
        Column("ts_code", Type.TEXT, "Tushare code", "TS代码"),
        ANN_DATE,
        END_DATE,
        *items("""
            eps | Basic earnings per share | 基本每股收益
            dt_eps | Diluted earnings per share | 稀释每股收益
            total_revenue_ps | Total operating revenue per share | 每股营业总收入
            revenue_ps | Operating revenue per share | 每股营业收入
            capital_rese_ps | Capital reserve per share | 每股资本公积
            surplus_rese_ps | Surplus reserve per share | 每股盈余公积
            undist_profit_ps | Undistributed profit per share | 每股未分配利润
            extra_item | Non-recurring profit or loss | 非经常性损益
            profit_dedt | Net profit without non-recurring items | 扣除非经常性损益后的净利润（扣非净利润）
            gross_margin | Gross profit | 毛利
            current_ratio | Current ratio | 流动比率 | -
            quick_ratio | Quick ratio | 速动比率 | -
            cash_ratio | Conservative quick ratio | 保守速动比率 | -
            invturn_days* | Inventory turnover days | 存货周转天数 | day
            arturn_days* | Receivables turnover days | 应收账款周转天数 | day
            inv_turn* | Inventory turnover | 存货周转率 | -
            ar_turn | Receivables turnover | 应收账款周转率 | -
            ca_turn | Current assets turnover | 流动资产周转率 | -
            fa_turn | Fixed assets turnover | 固定资产周转率 | -
            assets_turn | Total assets turnover | 总资产周转率 | -
            op_income | Net income from operating activities | 经营活动净收益
            valuechange_income* | Net income from changes in value | 价值变动净收益
            interst_income* | Interest expense | 利息费用
            daa* | Depreciation and amortisation | 折旧与摊销
            ebit | Earnings before interest and tax | 息税前利润
            ebitda | Earnings before interest, tax, depreciation and amortisation | 息税折旧摊销前利润
            fcff | Free cash flow to the firm | 企业自由现金流量
            fcfe | Free cash flow to equity | 股权自由现金流量
            current_exint | Interest-free current liabilities | 无息流动负债
            noncurrent_exint | Interest-free non-current liabilities | 无息非流动负债
            interestdebt | Interest-bearing debt | 带息债务
            netdebt | Net debt | 净债务
            tangible_asset | Tangible assets | 有形资产
            working_capital | Working capital | 营运资金
            networking_capital | Net operating working capital | 营运流动资本
            invest_capital | Total invested capital | 全部投入资本
            retained_earnings | Retained earnings | 留存收益
            diluted2_eps | Earnings per share on the shares at the end of the period | 期末摊薄每股收益
            bps | Net assets per share | 每股净资产
            ocfps | Net operating cash flow per share | 每股经营活动产生的现金流量净额
            retainedps | Retained earnings per share | 每股留存收益
            cfps | Net cash flow per share | 每股现金流量净额
            ebit_ps | Earnings before interest and tax per share | 每股息税前利润
            fcff_ps | Free cash flow to the firm per share | 每股企业自由现金流量
            fcfe_ps | Free cash flow to equity per share | 每股股东自由现金流量
            netprofit_margin | Net profit margin | 销售净利率 | %
            grossprofit_margin | Gross profit margin | 销售毛利率 | %
            cogs_of_sales | Cost of sales / sales | 销售成本率 | %
            expense_of_sales | Period expenses / sales | 销售期间费用率 | %
            profit_to_gr | Net profit / total operating revenue | 净利润/营业总收入 | %
            saleexp_to_gr | Selling expenses / total operating revenue | 销售费用/营业总收入 | %
            adminexp_of_gr | Administrative expenses / total operating revenue | 管理费用/营业总收入 | %
            finaexp_of_gr | Finance expenses / total operating revenue | 财务费用/营业总收入 | %
            impai_ttm | Impairment losses on assets / total operating revenue | 资产减值损失/营业总收入 | %
            gc_of_gr | Total operating costs / total operating revenue | 营业总成本/营业总收入 | %
            op_of_gr | Operating profit / total operating revenue | 营业利润/营业总收入 | %
            ebit_of_gr | Earnings before interest and tax / total operating revenue | 息税前利润/营业总收入 | %
            roe | Return on equity | 净资产收益率 | %
            roe_waa | Return on weighted average equity | 加权平均净资产收益率 | %
            roe_dt | Return on equity, without non-recurring items | 净资产收益率(扣除非经常损益) | %
            roa | Return on total assets, before interest and tax | 总资产报酬率 | %
            npta | Net profit / total assets | 总资产净利润 | %
            roic | Return on invested capital | 投入资本回报率 | %
            roe_yearly | Return on equity, annualised | 年化净资产收益率 | %
            roa2_yearly | Return on total assets, before interest and tax, annualised | 年化总资产报酬率 | %
            roe_avg* | Return on average equity, as share issues require | 平均净资产收益率(增发条件) | %
            opincome_of_ebt* | Net income from operating activities / profit before tax | 经营活动净收益/利润总额 | -
            investincome_of_ebt* | Net income from changes in value / profit before tax | 价值变动净收益/利润总额 | -
            n_op_profit_of_ebt* | Net non-operating income / profit before tax | 营业外收支净额/利润总额 | -
            tax_to_ebt* | Income tax / profit before tax | 所得税/利润总额 | -
            dtprofit_to_profit* | Net profit without non-recurring items / net profit | 扣除非经常损益后的净利润/净利润 | -
            salescash_to_or* | Cash received from sales / operating revenue | 销售商品提供劳务收到的现金/营业收入 | -
            ocf_to_or* | Net operating cash flow / operating revenue | 经营活动产生的现金流量净额/营业收入 | -
            ocf_to_opincome* | Net operating cash flow / net income from operating activities | 经营活动产生的现金流量净额/经营活动净收益 | -
            capitalized_to_da* | Capital expenditure / depreciation and amortisation | 资本支出/折旧和摊销 | -
            debt_to_assets | Liabilities / assets | 资产负债率 | %
            assets_to_eqt | Equity multiplier, assets / equity | 权益乘数 | -
            dp_assets_to_eqt | Equity multiplier, DuPont | 权益乘数(杜邦分析) | -
            ca_to_assets | Current assets / total assets | 流动资产/总资产 | %
            nca_to_assets | Non-current assets / total assets | 非流动资产/总资产 | %
            tbassets_to_totalassets | Tangible assets / total assets | 有形资产/总资产 | %
            int_to_talcap | Interest-bearing debt / total invested capital | 带息债务/全部投入资本 | %
            eqt_to_talcapital | Equity of the parent's owners / total invested capital | 归属于母公司的股东权益/全部投入资本 | %
            currentdebt_to_debt | Current liabilities / total liabilities | 流动负债/负债合计 | %
            longdeb_to_debt | Non-current liabilities / total liabilities | 非流动负债/负债合计 | %
            ocf_to_shortdebt | Net operating cash flow / current liabilities | 经营活动产生的现金流量净额/流动负债 | -
            debt_to_eqt | Liabilities / equity | 产权比率 | -
            eqt_to_debt | Equity of the parent's owners / total liabilities | 归属于母公司的股东权益/负债合计 | -
            eqt_to_interestdebt | Equity of the parent's owners / interest-bearing debt | 归属于母公司的股东权益/带息债务 | -
            tangibleasset_to_debt | Tangible assets / total liabilities | 有形资产/负债合计 | -
            tangasset_to_intdebt | Tangible assets / interest-bearing debt | 有形资产/带息债务 | -
            tangibleasset_to_netdebt | Tangible assets / net debt | 有形资产/净债务 | -
            ocf_to_debt | Net operating cash flow / total liabilities | 经营活动产生的现金流量净额/负债合计 | -
            ocf_to_interestdebt* | Net operating cash flow / interest-bearing debt | 经营活动产生的现金流量净额/带息债务 | -
            ocf_to_netdebt* | Net operating cash flow / net debt | 经营活动产生的现金流量净额/净债务 | -
            ebit_to_interest* | Interest cover | 已获利息倍数(EBIT/利息费用) | -
            longdebt_to_workingcapital* | Long-term debt / working capital | 长期债务与营运资金比率 | -
            ebitda_to_debt* | Earnings before interest, tax, depreciation and amortisation / total liabilities | 息税折旧摊销前利润/负债合计 | -
            turn_days | Operating cycle | 营业周期 | day
            roa_yearly | Net profit / total assets, annualised | 年化总资产净利率 | %
            roa_dp | Net profit / total assets, DuPont | 总资产净利率(杜邦分析) | %
            fixed_assets | Fixed assets, total | 固定资产合计
            profit_prefin_exp* | Operating profit before finance expenses | 扣除财务费用前营业利润
            non_op_profit* | Non-operating profit | 非营业利润
            op_to_ebt* | Operating profit / profit before tax | 营业利润／利润总额 | -
            nop_to_ebt* | Non-operating profit / profit before tax | 非营业利润／利润总额 | -
            ocf_to_profit* | Net operating cash flow / operating profit | 经营活动产生的现金流量净额／营业利润 | -
            cash_to_liqdebt* | Cash / current liabilities | 货币资金／流动负债 | -
            cash_to_liqdebt_withinterest* | Cash / interest-bearing current liabilities | 货币资金／带息流动负债 | -
            op_to_liqdebt* | Operating profit / current liabilities | 营业利润／流动负债 | -
            op_to_debt* | Operating profit / total liabilities | 营业利润／负债合计 | -
            roic_yearly* | Return on invested capital, annualised | 年化投入资本回报率 | %
            total_fa_trun* | Total fixed assets turnover | 固定资产合计周转率 | -
            profit_to_op | Profit before tax / operating revenue | 利润总额／营业收入 | %
            q_opincome* | Net income from operating activities, single quarter | 经营活动单季度净收益
            q_investincome* | Net income from changes in value, single quarter | 价值变动单季度净收益
            q_dtprofit* | Net profit without non-recurring items, single quarter | 扣除非经常损益后的单季度净利润
            q_eps* | Earnings per share, single quarter | 每股收益(单季度)
            q_netprofit_margin* | Net profit margin, single quarter | 销售净利率(单季度) | %
            q_gsprofit_margin* | Gross profit margin, single quarter | 销售毛利率(单季度) | %
            q_exp_to_sales* | Period expenses / sales, single quarter | 销售期间费用率(单季度) | %
            q_profit_to_gr* | Net profit / total operating revenue, single quarter | 净利润／营业总收入(单季度) | %
            q_saleexp_to_gr | Selling expenses / total operating revenue, single quarter | 销售费用／营业总收入 (单季度) | %
            q_adminexp_to_gr* | Administrative expenses / total operating revenue, single quarter | 管理费用／营业总收入 (单季度) | %
            q_finaexp_to_gr* | Finance expenses / total operating revenue, single quarter | 财务费用／营业总收入 (单季度) | %
            q_impair_to_gr_ttm* | Impairment losses on assets / total operating revenue, single quarter | 资产减值损失／营业总收入(单季度) | %
            q_gc_to_gr | Total operating costs / total operating revenue, single quarter | 营业总成本／营业总收入 (单季度) | %
            q_op_to_gr* | Operating profit / total operating revenue, single quarter | 营业利润／营业总收入(单季度) | %
            q_roe | Return on equity, single quarter | 净资产收益率(单季度) | %
            q_dt_roe | Return on equity without non-recurring items, single quarter | 净资产单季度收益率(扣除非经常损益) | %
            q_npta | Net profit / total assets, single quarter | 总资产净利润(单季度) | %
            q_opincome_to_ebt* | Net income from operating activities / profit before tax, single quarter | 经营活动净收益／利润总额(单季度) | -
            q_investincome_to_ebt* | Net income from changes in value / profit before tax, single quarter | 价值变动净收益／利润总额(单季度) | -
            q_dtprofit_to_profit* | Net profit without non-recurring items / net profit, single quarter | 扣除非经常损益后的净利润／净利润(单季度) | -
            q_salescash_to_or* | Cash received from sales / operating revenue, single quarter | 销售商品提供劳务收到的现金／营业收入(单季度) | -
            q_ocf_to_sales | Net operating cash flow / operating revenue, single quarter | 经营活动产生的现金流量净额／营业收入(单季度) | %
            q_ocf_to_or* | Net operating cash flow / net income from operating activities, single quarter | 经营活动产生的现金流量净额／经营活动净收益(单季度) | -
            basic_eps_yoy | Basic earnings per share, against a year ago | 基本每股收益同比增长率(%) | %
            dt_eps_yoy | Diluted earnings per share, against a year ago | 稀释每股收益同比增长率(%) | %
            cfps_yoy | Net operating cash flow per share, against a year ago | 每股经营活动产生的现金流量净额同比增长率(%) | %
            op_yoy | Operating profit, against a year ago | 营业利润同比增长率(%) | %
            ebt_yoy | Profit before tax, against a year ago | 利润总额同比增长率(%) | %
            netprofit_yoy | Net profit of the parent's owners, against a year ago | 归属母公司股东的净利润同比增长率(%) | %
            dt_netprofit_yoy | Net profit of the parent's owners without non-recurring items, against a year ago | 归属母公司股东的净利润-扣除非经常损益同比增长率(%) | %
            ocf_yoy | Net operating cash flow, against a year ago | 经营活动产生的现金流量净额同比增长率(%) | %
            roe_yoy | Return on equity, diluted, against a year ago | 净资产收益率(摊薄)同比增长率(%) | %
            bps_yoy | Net assets per share, against the start of the year | 每股净资产相对年初增长率(%) | %
            assets_yoy | Total assets, against the start of the year | 资产总计相对年初增长率(%) | %
            eqt_yoy | Equity of the parent's owners, against the start of the year | 归属母公司的股东权益相对年初增长率(%) | %
            tr_yoy | Total operating revenue, against a year ago | 营业总收入同比增长率(%) | %
            or_yoy | Operating revenue, against a year ago | 营业收入同比增长率(%) | %
            q_gr_yoy* | Total operating revenue, single quarter, against a year ago | 营业总收入同比增长率(%)(单季度) | %
            q_gr_qoq* | Total operating revenue, single quarter, against the quarter before | 营业总收入环比增长率(%)(单季度) | %
            q_sales_yoy | Operating revenue, single quarter, against a year ago | 营业收入同比增长率(%)(单季度) | %
            q_sales_qoq* | Operating revenue, single quarter, against the quarter before | 营业收入环比增长率(%)(单季度) | %
            q_op_yoy* | Operating profit, single quarter, against a year ago | 营业利润同比增长率(%)(单季度) | %
            q_op_qoq | Operating profit, single quarter, against the quarter before | 营业利润环比增长率(%)(单季度) | %
            q_profit_yoy* | Net profit, single quarter, against a year ago | 净利润同比增长率(%)(单季度) | %
            q_profit_qoq* | Net profit, single quarter, against the quarter before | 净利润环比增长率(%)(单季度) | %
            q_netprofit_yoy* | Net profit of the parent's owners, single quarter, against a year ago | 归属母公司股东的净利润同比增长率(%)(单季度) | %
            q_netprofit_qoq* | Net profit of the parent's owners, single quarter, against the quarter before | 归属母公司股东的净利润环比增长率(%)(单季度) | %
            equity_yoy | Net assets, against a year ago | 净资产同比增长率 | %
            rd_exp* | Research and development expenses | 研发费用
        """),
        replace(UPDATE_FLAG, default=False),
    ),
    # A period has up to two rows, and an answer holds 100.
    calls=PerPeriod(whole="fina_indicator_vip", periods_per_call=50, rows=(1.7,)),
    expected=Disclosed(),
    points=2000,
    row_cap=100,
    versions=Versions(("ann_date",)),
    rules=(ANN_AFTER_PERIOD,),
    quirks=(
        VERSIONS,
        "000002.SZ told for 2022-09-30 eps of 0.4178 (flag 0, a single quarter) and of 1.4697 (flag 1, from the start of the year), "
        "both announced on one day.",
        "There is no f_ann_date: a correction bears the day of the first announcement, and only when it was read tells it apart.",
        "Indicators come later than the statements they are computed from, often a day.",
        "Parameters start_date and end_date are report periods here, and days of announcement with the statements.",
        "Ratios without a unit are plain numbers where real rows show it; of opincome_of_ebt, investincome_of_ebt, "
        "n_op_profit_of_ebt, tax_to_ebt, dtprofit_to_profit, salescash_to_or, ocf_to_or, ocf_to_opincome, capitalized_to_da, op_to_ebt, "
        "nop_to_ebt, ocf_to_profit and of their single quarters nothing tells whether they are percentages.",
        "interst_income is interest expense, and total_fa_trun is spelt so by Tushare.",
        "Null where an indicator makes no sense, as current_ratio for a bank; a null is never filled.",
    ),
)
