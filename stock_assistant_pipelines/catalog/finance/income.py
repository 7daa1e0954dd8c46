"""What companies earned: the consolidated income statement, from the start of the year to the end of the period."""

from __future__ import annotations

from stock_assistant_pipelines.catalog.calls import PerPeriod
from stock_assistant_pipelines.catalog.columns import Column, Type
from stock_assistant_pipelines.catalog.dataset import Dataset
from stock_assistant_pipelines.catalog.expected import Disclosed
from stock_assistant_pipelines.catalog.finance.items import (
    ANN_DATE,
    COMP_TYPE,
    END_DATE,
    END_TYPE,
    F_ANN_DATE,
    REPORT_ROWS,
    REPORT_TYPES,
    RESTATED,
    STATEMENT_AFTER_PERIOD,
    UPDATE_FLAG,
    VERSIONS,
    items,
)
from stock_assistant_pipelines.catalog.grain import Grain
from stock_assistant_pipelines.catalog.rules import Rule, Severity
from stock_assistant_pipelines.catalog.versions import Versions

INCOME = Dataset(
    api="income",
    title="Income statements",
    title_zh="利润表",
    row="one row per company, report period, report type and version",
    family="finance",
    grain=Grain.REPORT_PERIOD,
    key=("ts_code", "end_date", "report_type"),
    columns=(
        Column("ts_code", Type.TEXT, "Tushare code", "TS代码"),
        ANN_DATE,
        F_ANN_DATE,
        END_DATE,
        Column(
            "report_type",
            Type.TEXT,
            "1 consolidated, 4 restated a year later, 5 before adjustment",
            "报告类型 见底部表",
        ),
        COMP_TYPE,
        END_TYPE,
        *items("""
            basic_eps | Basic earnings per share | 基本每股收益
            diluted_eps | Diluted earnings per share | 稀释每股收益
        """),
        *items(
            """
            total_revenue | Total operating revenue | 营业总收入
            revenue | Operating revenue | 营业收入
            int_income | Interest income | 利息收入
            prem_earned | Premiums earned | 已赚保费
            comm_income | Fee and commission income | 手续费及佣金收入
            n_commis_income | Net fee and commission income | 手续费及佣金净收入
            n_oth_income | Other net operating income | 其他经营净收益
            n_oth_b_income | Plus: net income of other business | 加:其他业务净收益
            prem_income | Insurance premium income | 保险业务收入
            out_prem | Less: premiums ceded | 减:分出保费
            une_prem_reser | Change in unearned premium reserve | 提取未到期责任准备金
            reins_income | Of which: reinsurance premium income | 其中:分保费收入
            n_sec_tb_income | Net income from trading securities for clients | 代理买卖证券业务净收入
            n_sec_uw_income | Net income from underwriting securities | 证券承销业务净收入
            n_asset_mg_income | Net income from managing clients' assets | 受托客户资产管理业务净收入
            oth_b_income | Income of other business | 其他业务收入
            fv_value_chg_gain | Plus: net gain from changes in fair value | 加:公允价值变动净收益
            invest_income | Plus: net investment income | 加:投资净收益
            ass_invest_income | Of which: from associates and joint ventures | 其中:对联营企业和合营企业的投资收益
            forex_gain | Plus: net exchange gain | 加:汇兑净收益
            total_cogs | Total operating costs | 营业总成本
            oper_cost | Less: operating costs | 减:营业成本
            int_exp | Less: interest expense | 减:利息支出
            comm_exp | Less: fee and commission expense | 减:手续费及佣金支出
            biz_tax_surchg | Less: business taxes and surcharges | 减:营业税金及附加
            sell_exp | Less: selling expenses | 减:销售费用
            admin_exp | Less: administrative expenses | 减:管理费用
            fin_exp | Less: finance expenses | 减:财务费用
            assets_impair_loss | Less: impairment losses on assets | 减:资产减值损失
            prem_refund | Surrenders | 退保金
            compens_payout | Total claims paid | 赔付总支出
            reser_insur_liab | Change in insurance contract reserves | 提取保险责任准备金
            div_payt | Policyholder dividends | 保户红利支出
            reins_exp | Reinsurance expenses | 分保费用
            oper_exp | Operating expenditure | 营业支出
            compens_payout_refu | Less: claims recovered from reinsurers | 减:摊回赔付支出
            insur_reser_refu | Less: insurance reserves recovered from reinsurers | 减:摊回保险责任准备金
            reins_cost_refund | Less: expenses recovered from reinsurers | 减:摊回分保费用
            other_bus_cost | Costs of other business | 其他业务成本
            operate_profit | Operating profit | 营业利润
            non_oper_income | Plus: non-operating income | 加:营业外收入
            non_oper_exp | Less: non-operating expenses | 减:营业外支出
            nca_disploss | Of which: less: net loss from disposal of non-current assets | 其中:减:非流动资产处置净损失
            total_profit | Profit before tax | 利润总额
            income_tax | Income tax | 所得税费用
            n_income | Net profit, minority interests included | 净利润(含少数股东损益)
            n_income_attr_p | Net profit attributable to the parent's owners | 净利润(不含少数股东损益)
            minority_gain | Net profit attributable to minority interests | 少数股东损益
            oth_compr_income | Other comprehensive income | 其他综合收益
            t_compr_income | Total comprehensive income | 综合收益总额
            compr_inc_attr_p | Comprehensive income attributable to the parent's owners | 归属于母公司(或股东)的综合收益总额
            compr_inc_attr_m_s | Comprehensive income attributable to minority interests | 归属于少数股东的综合收益总额
            ebit | Earnings before interest and tax | 息税前利润
            ebitda | Earnings before interest, tax, depreciation and amortisation | 息税折旧摊销前利润
            insurance_exp | Insurance business expenditure | 保险业务支出
            """,
            flow=True,
        ),
        *items("""
            undist_profit | Undistributed profit at the start of the year | 年初未分配利润
            distable_profit | Distributable profit | 可分配利润
        """),
        *items(
            """
            rd_exp | Research and development expenses | 研发费用
            fin_exp_int_exp | Finance expenses: interest expense | 财务费用:利息费用
            fin_exp_int_inc | Finance expenses: interest income | 财务费用:利息收入
            transfer_surplus_rese | Transferred in from surplus reserve | 盈余公积转入
            transfer_housing_imprest | Transferred in from the housing fund | 住房周转金转入
            transfer_oth | Transferred in, other | 其他转入
            adj_lossgain | Adjustment of earlier years' profit | 调整以前年度损益
            withdra_legal_surplus | Appropriated to statutory surplus reserve | 提取法定盈余公积
            withdra_legal_pubfund | Appropriated to the statutory welfare fund | 提取法定公益金
            withdra_biz_devfund | Appropriated to the enterprise development fund | 提取企业发展基金
            withdra_rese_fund | Appropriated to the reserve fund | 提取储备基金
            withdra_oth_ersu | Appropriated to discretionary surplus reserve | 提取任意盈余公积金
            workers_welfare | Employees' bonuses and welfare | 职工奖金福利
            """,
            flow=True,
        ),
        *items("""
            distr_profit_shrhder | Profit distributable to shareholders | 可供股东分配的利润
        """),
        *items(
            """
            prfshare_payable_dvd | Dividends payable on preferred shares | 应付优先股股利
            comshare_payable_dvd | Dividends payable on ordinary shares | 应付普通股股利
            capit_comstock_div | Ordinary dividends turned into share capital | 转作股本的普通股股利
            net_after_nr_lp_correct* | Net profit without non-recurring items, before correction | 扣除非经常性损益后的净利润（更正前）
            credit_impa_loss* | Credit impairment losses | 信用减值损失
            net_expo_hedging_benefits* | Gain from net exposure hedging | 净敞口套期收益
            oth_impair_loss_assets* | Impairment losses on other assets | 其他资产减值损失
            total_opcost* | Total operating costs (2) | 营业总成本（二）
            amodcost_fin_assets* | Gain from derecognised financial assets at amortised cost | 以摊余成本计量的金融资产终止确认收益
            oth_income* | Other income | 其他收益
            asset_disp_income* | Gain from disposal of assets | 资产处置收益
            continued_net_profit* | Net profit from continuing operations | 持续经营净利润
            end_net_profit* | Net profit from discontinued operations | 终止经营净利润
            """,
            flow=True,
        ),
        UPDATE_FLAG,
    ),
    calls=PerPeriod(whole="income_vip", variants=REPORT_TYPES, rows=REPORT_ROWS, restated=RESTATED),
    expected=Disclosed(),
    points=2000,
    fills=("report_type",),
    versions=Versions(("f_ann_date", "ann_date")),
    rules=(
        STATEMENT_AFTER_PERIOD,
        Rule(
            "attribution",
            "abs(n_income - n_income_attr_p - minority_gain) <= 1 + 0.00001 * abs(n_income)",
            "net profit is that of the parent's owners and that of the minority interests",
            Severity.WARN,
        ),
    ),
    # Operating revenue of banks, insurers and brokers holds gains and losses. Expenses are moved between lines in the course of a
    # year, as freight from selling expenses to costs in 2020, and reversals make taxes and impairments fall.
    grows={
        "1": ("total_revenue", "revenue", "oper_cost"),
        "2": ("int_income", "int_exp"),
        "3": ("prem_income",),
        "4": ("int_income", "int_exp"),
    },
    quirks=(
        VERSIONS,
        "Figures count from the start of the year; of the columns that quarters are not derived from, earnings per share have "
        "another number of shares each time, and distributable profit contains what was there at the start of the year.",
        "comp_type is 7 here and there, which Tushare does not document.",
        "603400.SH had a row for 2026-06-30 announced on 2026-04-22: what is dated before its period is over is quarantined.",
    ),
)
